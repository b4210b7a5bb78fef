from common import logs
from common.settings import load
from service_auth.app import DESCRIPTION, create_app
from service_auth.settings import AuthSettings

settings = load(AuthSettings)
logs.configure(DESCRIPTION.name, settings.log_level)
app = create_app(settings)

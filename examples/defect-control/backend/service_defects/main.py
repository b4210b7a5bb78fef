from common import logs
from common.settings import load
from service_defects.app import DESCRIPTION, create_app
from service_defects.settings import DefectsSettings

settings = load(DefectsSettings)
logs.configure(DESCRIPTION.name, settings.log_level)
app = create_app(settings)

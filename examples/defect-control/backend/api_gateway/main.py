from api_gateway.app import NAME, create_app
from api_gateway.settings import GatewaySettings
from common import logs
from common.settings import load

settings = load(GatewaySettings)
logs.configure(NAME, settings.log_level)
app = create_app(settings)

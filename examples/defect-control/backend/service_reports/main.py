from common import logs
from common.settings import load
from service_reports.app import DESCRIPTION, create_app
from service_reports.settings import ReportsSettings

settings = load(ReportsSettings)
logs.configure(DESCRIPTION.name, settings.log_level)
app = create_app(settings)

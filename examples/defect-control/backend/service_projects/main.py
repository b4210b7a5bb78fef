from common import logs
from common.settings import load
from service_projects.app import DESCRIPTION, create_app
from service_projects.settings import ProjectsSettings

settings = load(ProjectsSettings)
logs.configure(DESCRIPTION.name, settings.log_level)
app = create_app(settings)

from common import migrate
from service_projects.models import Base

migrate.run(Base.metadata)

from common import migrate
from service_reports.models import Base

migrate.run(Base.metadata)

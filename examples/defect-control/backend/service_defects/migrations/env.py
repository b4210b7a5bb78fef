from common import migrate
from service_defects.models import Base

migrate.run(Base.metadata)

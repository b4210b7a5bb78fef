from common import migrate
from service_auth.models import Base

migrate.run(Base.metadata)

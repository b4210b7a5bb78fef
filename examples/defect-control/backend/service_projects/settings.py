from common.settings import StoringSettings


class ProjectsSettings(StoringSettings):
    auth_url: str = "http://auth-service:8001"

from common.settings import StoringSettings


class ReportsSettings(StoringSettings):
    projects_url: str = "http://projects-service:8002"
    defects_url: str = "http://defects-service:8003"

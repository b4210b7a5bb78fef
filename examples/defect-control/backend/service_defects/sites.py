"""What projects-service says about a site, asked with the person's own token: what it hides, we hide."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel

from common.identity import Bearer
from common.peers import Peer
from common.tokens import Role
from service_defects import problems


class SiteStage(BaseModel):
    id: UUID
    name: str


class SiteMember(BaseModel):
    user_id: UUID
    full_name: str
    role: Role
    is_active: bool


class Site(BaseModel):
    id: UUID
    name: str
    status: str
    stages: list[SiteStage]
    members: list[SiteMember]

    @property
    def is_active(self) -> bool:
        return self.status == "active"

    def require_active(self) -> None:
        if not self.is_active:
            raise problems.PROJECT_ARCHIVED()

    def assignee(self, user_id: UUID | None) -> SiteMember | None:
        if user_id is None:
            return None
        for member in self.members:
            if member.user_id == user_id and member.is_active and member.role is not Role.OBSERVER:
                return member
        raise problems.ASSIGNEE_NOT_MEMBER()

    def stage(self, stage_id: UUID | None) -> SiteStage | None:
        if stage_id is None:
            return None
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        raise problems.STAGE_NOT_OF_PROJECT()


class Sites:
    """The sites that one person sees."""

    def __init__(self, peer: Peer, token: str) -> None:
        self._peer = peer
        self._token = token

    def find(self, project_id: UUID) -> Site | None:
        answer = self._peer.get(f"/projects/{project_id}", token=self._token)
        return None if answer.status_code == 404 else Site.model_validate(answer.json())

    def require(self, project_id: UUID) -> Site:
        site = self.find(project_id)
        if site is None:
            raise problems.PROJECT_NOT_FOUND()
        return site

    def names(self) -> dict[UUID, str]:
        answer = self._peer.get("/projects/names", token=self._token)
        return {UUID(site["id"]): site["name"] for site in answer.json()}


def _sites(request: Request, credentials: Bearer) -> Sites:
    return Sites(request.app.state.peers["projects"], credentials.credentials if credentials else "")


SitesSeen = Annotated[Sites, Depends(_sites)]

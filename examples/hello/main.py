"""A small service that keeps its visits in a database."""

from datetime import UTC, datetime

from fastapi import FastAPI
from sqlalchemy import DateTime, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

engine = create_engine("sqlite:////tmp/visits.db")


class Base(DeclarativeBase):
    pass


class Visit(Base):
    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


Base.metadata.create_all(engine)
app = FastAPI(title="hello")


@app.get("/")
def hello() -> dict[str, str | int]:
    """Count the visit and answer."""
    with Session(engine) as session:
        session.add(Visit(at=datetime.now(UTC)))
        session.commit()
        visits = session.scalar(select(func.count(Visit.id))) or 0
    return {"message": "a house built from a blueprint", "visits": visits}


@app.get("/health")
def health() -> dict[str, str]:
    """Whether the service answers at all."""
    return {"status": "ok"}

"""FastAPI with SQLAlchemy (asyncio, asyncpg), written like its documentation."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The declarative base."""


class Provider(Base):
    """The same table."""

    __tablename__ = "providers"

    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    website: Mapped[str]
    authorization: Mapped[str]
    is_available: Mapped[bool]


class ProviderEntry(BaseModel):
    """The same entry."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    name: str
    description: str
    website: str
    authorization: str
    is_available: bool


class ProviderList(BaseModel):
    """The same page."""

    items: list[ProviderEntry]
    next: str | None


engine = create_async_engine(
    os.environ["RIVAL_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
)
session_maker = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the pool when the server ends."""
    yield
    await engine.dispose()


async def open_session() -> AsyncIterator[AsyncSession]:
    """Open one session per request."""
    async with session_maker() as session:
        yield session


app = FastAPI(lifespan=lifespan)


@app.get("/api/v1/providers", response_model=ProviderList)
async def list_providers(
    session: Annotated[AsyncSession, Depends(open_session)],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,64}$")] = None,
) -> dict[str, object]:
    """Return a page."""
    query = select(Provider).order_by(Provider.key).limit(limit + 1)
    if after is not None:
        query = query.where(Provider.key > after)
    rows = (await session.scalars(query)).all()
    following = f"/api/v1/providers?limit={limit}&after={rows[limit - 1].key}" if len(rows) > limit else None
    return {"items": rows[:limit], "next": following}

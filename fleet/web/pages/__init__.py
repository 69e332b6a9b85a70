"""The pages people look at: shells of HTML that scripts of ours fill from the API. No inline script, no other host."""

from __future__ import annotations

from fastapi import APIRouter

from fleet.web.pages import files, session, views

router = APIRouter(include_in_schema=False)
for _part in (session, files, views):
    router.include_router(_part.router)

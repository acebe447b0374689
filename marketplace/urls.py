"""The site's paths."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("marketplace.api.urls")),
    path("", include("marketplace.web.urls")),
]

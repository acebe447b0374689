"""Settings of the site, from the environment (docs/configuration.md); `settings.test` is for the tests."""

from marketplace.settings.base import *
from marketplace.settings.privacy import *
from marketplace.settings.services import *

from marketplace.settings.security import *  # isort: skip  reads the apps and the debug switch of base
from marketplace.settings.backoffice import *

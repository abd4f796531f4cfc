"""How django-allauth logs people in on this site: adapters, forms, and what is audited."""

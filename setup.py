"""Lists the packages: those in keras_ptft, and the recipes as one of them."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        # folders of templates are packages too, without an __init__.py
        *find_namespace_packages(include=["keras_ptft*"]),
        "keras_ptft.flags",
    ]
)

"""Lists the packages: those in keras_ptft, and the recipes as one of them."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["keras_ptft*"]), "keras_ptft.flags"])

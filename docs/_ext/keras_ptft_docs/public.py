"""What `import keras_ptft` gives, from its docstrings."""

import inspect

import keras_ptft
from keras_ptft_docs.markdown import block


def public(_: str) -> str:
    """Returns the documentation of every public name, functions first.

    Classes of settings are tables on pages of their own.
    """
    names = [n for n in keras_ptft.__all__ if not n.endswith("Config")]
    names.sort(key=lambda name: (_is_class(name), name))
    return "\n".join(map(_section, names))


def _is_class(name: str) -> bool:
    return inspect.isclass(getattr(keras_ptft, name))


def _section(name: str) -> str:
    kind = "autoclass" if _is_class(name) else "autofunction"
    text = f".. {kind}:: keras_ptft.{name}\n"
    if _is_class(name):
        text += "   :members:\n"
    return f"### {name}\n\n{block(text, '{eval-rst}')}"

"""What a model is trained for: objectives by name.

A row takes the number of classes and its settings, and returns an
`Objective`.
"""

from keras_ptft.objectives.classification import classification

OBJECTIVES = {"classification": classification}

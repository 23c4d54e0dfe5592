"""What a model is trained for: objectives by name.

A row takes the task, what is known of the data, and its settings; it
returns an `Objective`.
"""

from keras_ptft.objectives.classification import classification
from keras_ptft.objectives.masked_tokens import masked_tokens
from keras_ptft.objectives.next_token import next_token
from keras_ptft.objectives.tagging import tagging
from keras_ptft.objectives.word2vec import cbow, skipgram

OBJECTIVES = {
    "classification": classification,
    "masked_tokens": masked_tokens,
    "next_token": next_token,
    "skipgram": skipgram,
    "cbow": cbow,
    "tagging": tagging,
}

"""`python -m keras_ptft` is the command `keras-ptft`."""

import sys

from keras_ptft.main import main

if __name__ == "__main__":
    sys.exit(main())

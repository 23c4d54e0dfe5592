"""Runs and exports below a URL, as gs://bucket/runs.

All other code reads and writes local files. So a folder below a URL has a
working copy, and this is how data flow between the two:

1. `places`: `gs://b/runs` has its working copies in one local folder, of a
   name that tells the URL; the run NAME is in NAME there.
2. Whoever opens a run calls `opened`: what the URL has and the copy lacks is
   pulled. A manifest names every file with its size and digest, and a pull
   takes exactly these, verified; what tells that a run is complete comes last.
3. Whoever trains enters `mirrored`: the copy is pulled, and its process is the
   one that pushes.
4. `push`, when training begins, after each checkpoint and at the end, also one
   that fails: objects are named by their content, so nothing is
   overwritten. New ones are uploaded, then the manifest moves, then what it no
   longer names is removed. A push that dies anywhere leaves the state before,
   or the state after.
5. Each manifest has a generation. Who begins to train writes the next one; a
   machine that finds another generation than its own was taken over, and
   stops. So whoever begins last goes on, and when a machine was preempted
   nobody has a lock to remove.
6. A push that fails is told, and tried again at the next checkpoint. Only the
   last one fails the command. What was not pushed is in the copy, from which
   the same command goes on, unless another machine has gone on: then the copy
   is set aside, which is told.

TensorFlow, whose file systems are used, is imported when a URL is opened.
"""

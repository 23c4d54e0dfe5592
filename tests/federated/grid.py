"""A grid of Flower that hands messages to an app in this process."""

from flwr.app import Context, Error, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity


def context(node=0, **config):
    return Context(
        run_id=1,
        node_id=node,
        node_config={k.replace("_", "-"): v for k, v in config.items()},
        state=RecordDict(),
        run_config={},
    )


class Here(Grid):
    """Nodes by number; what an app raises becomes an error, as in Flower."""

    def __init__(self, app, nodes):
        TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
        self.app = app
        self.nodes = {i: context(i, **node) for i, node in nodes.items()}
        self.replies = []

    def set_run(self, run):
        pass

    @property
    def run(self):
        return None

    def get_node_ids(self):
        return list(self.nodes)

    def create_message(self, *args, **kwargs):
        raise NotImplementedError

    def push_messages(self, messages):
        raise NotImplementedError

    def pull_messages(self, message_ids):
        raise NotImplementedError

    def send_and_receive(self, messages, *, timeout=None):
        del timeout  # nobody is late
        replies = [self._answer(message) for message in messages]
        self.replies += replies
        return replies

    def _answer(self, message):
        message.metadata.__dict__["_message_id"] = "one"
        try:
            return self.app(message, self.nodes[message.metadata.dst_node_id])
        except Exception as error:
            return Message(Error(0, str(error)), reply_to=message)

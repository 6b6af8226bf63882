"""Why a pod that has a node does not run yet: images, volumes, configuration, crashes, probes. Pure.

The words are those of kubelets and of the container runtimes under them.
"""

import re
from functools import partial

from workloads.waiting.rules import Rule

_NAME = re.compile(r'(?:[Ii]mage|resolve reference) "(?P<image>[^"]{1,1024})"')

_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "Failed"})
_pulling = partial(Rule, about=_NAME, reasons=_PULLS)

IMAGE = (
    _pulling(
        r"(?:toomanyrequests|pull rate limit|429 Too Many Requests)",
        "the registry gives no more images for now: its pull limit is reached",
        "It is tried again by itself. With a registry account, or a mirror, the limit is higher.",
    ),
    _pulling(
        r"(?:repository does not exist or may require|insufficient_scope|pull access denied)",
        "its image {image} does not exist, or is not to be pulled without a password",
        "Check the name. If it is private, the project needs a pull secret for its registry.",
    ),
    _pulling(
        r"(?:401 Unauthorized|unauthorized|authentication required|403 Forbidden|no basic auth credentials|"
        r"denied: )",
        "the registry does not let the cluster pull its image {image}",
        "The project needs a pull secret that may read this image.",
    ),
    _pulling(
        r"(?:no match for platform|no matching manifest for)",
        "its image {image} is not made for the processors of this node",
        "Build the image for this platform (amd64 or arm64), or choose nodes of the other.",
    ),
    _pulling(
        r"(?:manifest unknown|: not found|code = NotFound|manifest for \S{1,300} not found)",
        "its image {image} is not in the registry",
        "Check name and tag; copy the workload with the right ones.",
    ),
    _pulling(
        r"lookup (?P<host>[^\s:]{1,253})[^\n]{0,200}no such host",
        "the registry {host} is not known on the network",
        "Check the name of the image: the registry is its first part.",
    ),
    _pulling(
        r"x509: ",
        "the registry's certificate is not trusted by the node",
        "An administrator has to give the nodes the registry's certificate.",
    ),
    _pulling(
        r"no space left on device",
        "the node has no disk space left for its image {image}",
        "An administrator has to free space on the node, or it has to go to another one.",
    ),
    _pulling(
        r"(?:i/o timeout|connection refused|TLS handshake timeout|deadline exceeded|connection reset)",
        "the registry of its image {image} does not answer",
        "It is tried again by itself. If it stays, look at the network and the registry.",
    ),
    Rule(
        r"(?:image name|tag) \"(?P<image>[^\"]{1,1024})\".{0,300}?invalid reference format"
        r"(?:: (?P<why>[^\n]{1,200}))?",
        "“{image}” is not the name of an image ({why})",
        "Copy the workload and correct the image.",
    ),
    Rule(
        r"",
        "its image's name is not one",
        "Copy the workload and correct the image.",
        reasons=frozenset({"InvalidImageName"}),
    ),
    Rule(
        r"[Ii]mage \"(?P<image>[^\"]{1,1024})\" is not present with pull policy of Never",
        "its image {image} is not on the node, and it may not be pulled (pull policy Never)",
        "Copy the workload with another pull policy, or have the image put on the nodes.",
    ),
    Rule(
        r"Back-off pulling image \"(?P<image>[^\"]{1,1024})\"",
        "its image {image} cannot be pulled",
        "The event history says why; it is tried again by itself, less and less often.",
        general=True,
    ),
    Rule(
        r"Pulling image \"(?P<image>[^\"]{1,1024})\"",
        "its image {image} is being pulled",
        "",
        reasons=frozenset({"Pulling"}),
        general=True,
    ),
)

CONFIG = (
    Rule(
        r"couldn't find key (?P<key>\S{1,253}) in (?P<kind>Secret|ConfigMap) (?P<name>\S{1,300})",
        "the {kind} {name} has no key “{key}”",
        "Add the key, or copy the workload and name one that is there.",
    ),
    Rule(
        r"references non-existent (?P<kind>secret|config) key: (?P<key>\S{1,253})",
        "a {kind} it mounts has no key “{key}”",
        "Add the key, or copy the workload and name one that is there.",
    ),
    Rule(
        r'(?P<kind>secret|configmap) "(?P<name>[^"]{1,253})" not found',
        "the {kind} “{name}” it uses does not exist",
        "Create it in this namespace; the pod goes on by itself.",
    ),
    Rule(
        r"runAsNonRoot and image will run as root|runAsNonRoot and image has non-numeric user",
        "its image runs as root, which is not allowed here",
        "Use an image that runs as another user, or set a user (runAsUser).",
    ),
    Rule(
        r"exec: \"(?P<command>[^\"]{1,300})\": (?:executable file not found|stat .{0,300}?no such file)",
        "its command “{command}” is not in the image",
        "Copy the workload and correct the command, or use an image that has it.",
    ),
    Rule(
        r"exec: \"(?P<command>[^\"]{1,300})\": permission denied",
        "its command “{command}” may not be run in the image",
        "Make the file executable in the image, or run it through its interpreter.",
    ),
    Rule(
        r"exec (?P<command>\S{1,300}): exec format error|exec format error",
        "its command {command} is made for other processors than this node's",
        "Build the image for this platform (amd64 or arm64).",
    ),
    Rule(
        r"nvidia-container-cli: (?P<why>[^\n]{1,300})",
        "the node cannot give it its GPU: {why}",
        "An administrator has to look at the GPU driver of the node.",
    ),
    Rule(
        r"failed to prepare subPath for volumeMount \"(?P<mount>[^\"]{1,253})\"",
        "the folder it mounts from volume “{mount}” cannot be made",
        "Check the subPath and the rights on the volume.",
    ),
)

VOLUMES = (
    Rule(
        r"Multi-Attach error for volume \"(?P<volume>[^\"]{1,253})\" Volume is already used by pod\(s\) "
        r"(?P<pods>[^\n]{1,300})",
        "its volume is in use on another node by {pods}",
        "Stop what uses it, or use a volume that many nodes can mount (ReadWriteMany).",
    ),
    Rule(
        r"Multi-Attach error for volume \"(?P<volume>[^\"]{1,253})\"",
        "its volume is still attached to another node",
        "It goes on when the volume is let go there. If that node is lost, an administrator detaches it.",
    ),
    Rule(
        r"AttachVolume\.Attach failed for volume \"(?P<volume>[^\"]{1,253})\" ?:(?P<why>.{0,400})",
        "its volume cannot be attached to the node:{why}",
        "It is tried again by itself. If it stays, an administrator has to look at the storage.",
    ),
    Rule(
        r"mount\.nfs: (?P<why>[^\n]{1,300})",
        "its network volume cannot be mounted: {why}",
        "Check server and path of the volume, and that the nodes may reach it.",
    ),
    Rule(
        r"(?:Mount|Map)Volume\.\w+ failed for volume \"(?P<volume>[^\"]{1,253})\" ?:(?P<why>.{0,400})",
        "its volume “{volume}” cannot be mounted:{why}",
        "It is tried again by itself. If it stays, check the volume and what it names.",
        general=True,
    ),
    Rule(
        r"[Uu]nable to attach or mount volumes: unmounted volumes=\[(?P<volumes>[^\]]{1,300})\]",
        "its volumes are not there yet: {volumes}",
        "If it stays, look at the claims and at the events before this one.",
        general=True,
    ),
)

OTHERS = (
    Rule(
        r"[Ff]ailed to create pod sandbox: (?P<why>.{1,600})",
        "the node cannot set up its network or sandbox: {why}",
        "It is tried again by itself. If it stays, an administrator has to look at the node.",
    ),
    Rule(
        r"Startup probe failed: (?P<why>.{1,400})",
        "it has started and does not answer its startup probe yet: {why}",
        "Wait while it loads; if it never answers, look at its log.",
        general=True,
    ),
    Rule(
        r"Readiness probe failed: (?P<why>.{1,400})",
        "it runs and does not say that it is ready: {why}",
        "Look at its log; the probe asks again by itself.",
        general=True,
    ),
    Rule(
        r"Liveness probe failed: (?P<why>.{1,400})",
        "it stopped answering its liveness probe: {why}",
        "Look at its log; the cluster starts it anew when this goes on.",
        general=True,
    ),
    Rule(
        r"back-off (?P<pause>\w{1,20}) restarting failed container",
        "it crashed, and is started again after a pause of {pause}",
        "Look at the log of its previous run: the end says why.",
        general=True,
    ),
)

RULES = (*CONFIG, *IMAGE, *VOLUMES, *OTHERS)

"""What ``runner up`` says when its cluster can be used: how to reach it, and what to try first."""

from rich.console import Console

from runner.model.plan import RunPlan
from runner.up.notice import Notice
from runner.up.recipe import image_names

DEPLOY = "runner kubectl create deployment web --image={image} -- httpd -f -p 80 -h /www"


def print_welcome(console: Console, notice: Notice, plan: RunPlan) -> None:
    """Print it; every line can be pasted into a shell."""
    images = image_names(plan.experiment, plan.workload)
    lines = [
        f"# {notice.what}: the cluster can be used; Ctrl-C ends it",
        f"export KUBECONFIG={notice.kubeconfig}",
        "runner kubectl get all --all-namespaces   # or your own kubectl",
    ]
    if plan.goal.target == "node-ready" and images:
        lines.append(DEPLOY.format(image=images[0]))
    elif plan.goal.target != "node-ready":
        lines.append("runner kubectl create deployment web --image=any --dry-run=server")
    for line in lines:
        console.print(line, soft_wrap=True)

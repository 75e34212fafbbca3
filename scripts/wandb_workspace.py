"""Create the W&B dashboard of a project: `python scripts/wandb_workspace.py ENTITY/PROJECT [--dry-run]`.

The dashboard is a saved view of the project's workspace: the keys that the sweeps in conf/wandb vary, AUROC by image
size, ROC curves of all runs, scores over frames, and reconstructions. --dry-run prints the view as JSON and sends
nothing.
"""

import argparse
import json
import sys
from typing import Any

from skelmap.training.loggers import AREA_UNDER_CURVE, AXES, PRECISION_RECALL, ROC, logged_in

try:
    import wandb
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
except ImportError:
    sys.exit("the dashboard needs the packages wandb and wandb-workspaces: pip install -e '.[wandb]'")

SWEPT = {
    "data/seq_len": "T",
    "model/latent_dim": "J",
    "model/hidden_size": "LSTM width",
    "data/img_size": "image size",
}
TRAINING = ("train/loss", "val/loss", "train/kl", "val/kl", "val/active_units")


def main() -> None:
    """Parse the command line; save the view, or print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", metavar="ENTITY/PROJECT", help="owner and name of the project")
    parser.add_argument("--dry-run", action="store_true", help="print the view as JSON; needs no account")
    a = parser.parse_args()
    entity, _, project = a.project.partition("/")
    if not entity or not project or "/" in project:
        parser.error(f"{a.project}: give ENTITY/PROJECT, as in the address of the project's page")
    view = workspace(entity, project)
    if a.dry_run:
        print(json.dumps(view._spec, indent=2))  # the package has no public method for this
        return
    if not logged_in():
        sys.exit("not logged in: call `wandb login` or set WANDB_API_KEY; --dry-run works without an account")
    try:
        view.save()  # prints the address
    except (wandb.Error, OSError, ValueError) as error:
        sys.exit(f"{a.project}: W&B refused the dashboard: {error}")


def workspace(entity: str, project: str) -> ws.Workspace:
    """Define the dashboard."""
    figures = [run_figures("scores"), run_figures("reconstructions")]
    sections = [
        ws.Section(name="Sweep", is_open=True, panels=[parallel_coordinates()]),
        ws.Section(name="AUROC by image size", is_open=True, panels=auroc_by_image_size()),
        ws.Section(name="Curves", is_open=True, panels=[overlaid_curves(ROC), overlaid_curves(PRECISION_RECALL)]),
        ws.Section(name="Scores and reconstructions", is_open=True, panels=figures),
        ws.Section(name="Training", panels=[wr.LinePlot(x="epoch", y=[key]) for key in TRAINING]),
    ]
    return ws.Workspace(entity=entity, project=project, name="skelmap", sections=sections)


def parallel_coordinates() -> Any:
    """Plot the swept keys, the validation loss and the AUROC of each run as a line."""
    column = wr.ParallelCoordinatesPlotColumn
    keys = [column(wr.Config(key), display_name=name) for key, name in SWEPT.items()]
    metrics = [column(wr.SummaryMetric("val/best_loss")), column(wr.SummaryMetric("test/auroc"), display_name="AUROC")]
    return wr.ParallelCoordinatesPlot(columns=[*keys, *metrics], layout=wr.Layout(w=24, h=12))


def auroc_by_image_size() -> list[Any]:
    """Plot AUROC and the ends of its 95 % interval by image size; whiskers span from the lowest run to the highest."""
    bars = wr.BarPlot(
        title="AUROC and its 95 % interval, mean over runs",
        metrics=["test/auroc_low", "test/auroc", "test/auroc_high"],
        groupby=wr.Config("data/img_size"),
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        orientation="v",
        range_x=(0, 1),
    )
    size = wr.Config("data/img_size")
    ends = (("test/auroc_low", "lower end"), ("test/auroc", "AUROC"), ("test/auroc_high", "upper end"))
    return [bars, *(wr.ScatterPlot(title=t, x=size, y=wr.SummaryMetric(m), range_y=(0, 1)) for m, t in ends)]


def overlaid_curves(key: str) -> Any:
    """Plot the curves that runs logged under a key in one diagram."""
    x, y = AXES[key]
    return wr.CustomChart(
        query={"summaryTable": {"tableKey": f"{key}_table"}},  # the name that wandb.plot_table gives to a chart's table
        chart_name=AREA_UNDER_CURVE,
        chart_fields={"x": x, "y": y, "class": "score"},
        chart_strings={"title": key},
    )


def run_figures(figure: str) -> Any:
    """Show a figure of the report of every run."""
    return wr.MediaBrowser(title=figure, media_keys=[f"figures/{figure}"], num_columns=2)


if __name__ == "__main__":
    main()

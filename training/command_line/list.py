"""`vae-zoo list`: what there is, by name."""

from training import reproduction
from training.command_line.text import columns, paragraph
from training.recipes import find_recipe, recipe_names
from zoo import hub
from zoo.names import UnknownName

HELP = "show recipes and pretrained models, or describe one of them"
EXAMPLES = "examples:\n  vae-zoo list\n  vae-zoo list conv_draw_mnist\n"
NEEDS_TENSORFLOW = False

_SURE = (
    "rmse in pixel units and rate in nats an image on the test split; sure: the share of samples "
    "that our classifier of the data set is sure of, or a classifier's own accuracy."
)


def add_options(parser):
    """Adds the name of one of them."""
    help = "a recipe or pretrained model, to be described; default: all, in tables"
    parser.add_argument("name", nargs="?", help=help)


def run(arguments):
    """Prints tables of recipes, pretrained models and targets, or describes one by its name."""
    models = hub.read_index()
    if arguments.name is not None:
        print(_describe(arguments.name, models))
        return
    recipes = [find_recipe(name) for name in recipe_names()]
    _print_table(
        "Recipes, for `vae-zoo train`; `vae-zoo list NAME` describes one:",
        ("recipe", "data set", "architecture", "steps"),
        [
            (r.name, _of_users(r.data["name"]), r.architecture["class_name"], f"{r.steps:,}")
            for r in recipes
        ],
    )
    _print_table(
        "Pretrained models, for `evaluate`, `sample`, `reconstruct` and zoo.load:",
        ("model", "architecture", "size", "rmse", "rate", "sure"),
        [_model_row(*item) for item in models.items()],
        num_right=4,
    )
    print(paragraph(_SURE) + "\n")
    print("Figures and tables of the papers, for `vae-zoo reproduce`:")
    print("\n".join(columns([(", ".join(reproduction.NAMES),)], indent=2)))


def _print_table(title, head, rows, num_right=1):
    right = range(len(head))[-num_right:]
    print("\n".join([title, *columns([head, *rows], indent=2, right=right, tall=True), ""]))


def _model_row(name, entry):
    # Each is released from a recipe, but its name may be another.
    recipe = find_recipe(name) if name in recipe_names() else None
    architecture = recipe.architecture["class_name"] if recipe else ""
    figures = entry["figures"]
    rmse = f"{figures['rmse']:.4f}" if "rmse" in figures else ""
    rate = f"{figures['rate']:.1f}" if "rate" in figures else ""
    share = figures.get("sure", figures.get("accuracy"))
    sure = f"{share:.1%}" if share is not None else ""
    return name, architecture, _size(entry), rmse, rate, sure


def _of_users(data_set):
    """Returns a data set's name, with what a user has to fill in: folder:PATH."""
    return f"{data_set}PATH" if data_set.endswith(":") else data_set


def _size(entry):
    return f"{sum(file['bytes'] for file in entry['files'].values()) / 1e6:.1f} MB"


def _describe(name, models):
    """Returns what a recipe and a pretrained model of that name are."""
    recipes = recipe_names()
    if name not in recipes and name not in models:
        raise UnknownName("recipe or pretrained model", name, sorted({*recipes, *models}))
    rows = []
    if name in recipes:
        recipe = find_recipe(name)
        description = recipe.description
        options = "".join(f", {key} {value}" for key, value in recipe.data["options"].items())
        varied = f", {text}" if (text := recipe.augmentation_text) else ""
        rows = [
            ("architecture", _as_call(recipe.architecture)),
            ("objective", _as_call(recipe.objective)),
            ("data set", f"{_of_users(recipe.data['name'])}{options}"),
            ("training", f"{recipe.steps:,} steps of {recipe.batch_size} images{varied}"),
        ]
    if name in models:
        description = models[name]["description"]
        rows.append(("pretrained", f'{_size(models[name])}: zoo.load("{name}")'))
    return "\n".join([paragraph(f"{name}: {description}"), *columns(rows, indent=2)])


def _as_call(value):
    """Writes `{"class_name", "arguments"}` as the call it stands for, nested as deep as it goes."""
    if isinstance(value, dict) and "class_name" in value:
        arguments = value["arguments"].items()
        return f"{value['class_name']}({', '.join(f'{k}={_as_call(v)}' for k, v in arguments)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_call, value))}]"
    return repr(value)

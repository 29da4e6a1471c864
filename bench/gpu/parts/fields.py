"""Which power and energy fields the driver answers, for which part of the board."""

from nvml import ENERGY, ENERGY_NEW, FIELD_NAMES, POWER_AVERAGE, POWER_INSTANT, SCOPE_NAMES


def measure(bench, table):
    table.head("field", "id", *SCOPE_NAMES.values())
    for field in (POWER_INSTANT, POWER_AVERAGE, ENERGY, ENERGY_NEW):
        table.row(FIELD_NAMES[field], field, *[answer(bench.device, field, scope) for scope in SCOPE_NAMES])
    table.note("Powers in W, energies in J since the driver was loaded; else the driver's answer.")


def answer(device, field, scope):
    query = device.fields(field, scope=scope)
    values = query.read()
    if values[0] is None:
        code = query.results()[0]
        return code if code != "ok" else "the call failed"
    return values[0] / 1000

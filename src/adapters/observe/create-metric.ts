import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { type MetricName, metricTable } from "./metric-table.ts";

type NameOf<Type> = {
  [Name in MetricName]: (typeof metricTable)[Name]["type"] extends Type ? Name : never;
}[MetricName];
type LabelOf<Name extends MetricName> = (typeof metricTable)[Name]["labels"][number];

/** Fills in a metric's values right before a scrape. */
type Collect = () => void;

/** The counter of a row of the table. Throws if `registry` has it already. */
export function createCounter<Name extends NameOf<"counter">>(
  registry: Registry,
  name: Name,
  collect?: Collect,
): Counter<LabelOf<Name>> {
  return new Counter(configurationOf(registry, name, collect));
}

/** The gauge of a row of the table. Throws if `registry` has it already. */
export function createGauge<Name extends NameOf<"gauge">>(
  registry: Registry,
  name: Name,
  collect?: Collect,
): Gauge<LabelOf<Name>> {
  return new Gauge(configurationOf(registry, name, collect));
}

/** The histogram of a row of the table. Throws if `registry` has it already. */
export function createHistogram<Name extends NameOf<"histogram">>(
  registry: Registry,
  name: Name,
): Histogram<LabelOf<Name>> {
  return new Histogram({ ...configurationOf(registry, name), buckets: [...metricTable[name].buckets] });
}

function configurationOf<Name extends MetricName>(
  registry: Registry,
  name: Name,
  collect?: Collect,
): {
  readonly name: Name;
  readonly help: string;
  readonly labelNames: readonly LabelOf<Name>[];
  readonly registers: Registry[];
  readonly collect?: Collect;
} {
  const { help, labels } = metricTable[name];
  return {
    name,
    help,
    labelNames: labels as readonly LabelOf<Name>[],
    registers: [registry],
    ...(collect === undefined ? {} : { collect }),
  };
}

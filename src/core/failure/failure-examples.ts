import { failureTable } from "./failure-table.ts";
import type { Failure, FailureOf } from "./failure.ts";

/** One failure of every kind, from the table's examples. */
export const failureExamples = Object.fromEntries(
  Object.entries(failureTable).map(([kind, { example }]) => [kind, { kind, ...example }]),
) as { readonly [K in Failure["kind"]]: FailureOf<K> };

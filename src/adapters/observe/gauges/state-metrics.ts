import type { Registry } from "prom-client";
import {
  type CountedObjects,
  countAttachments,
  countNodeConditions,
  countNodes,
  countVolumeConditions,
  countVolumes,
} from "../../../core/states/count-states.ts";
import { createGauge } from "../create-metric.ts";

const counters = [
  ["azuredisk_volumes", countVolumes],
  ["azuredisk_volume_conditions", countVolumeConditions],
  ["azuredisk_attachments", countAttachments],
  ["azuredisk_nodes", countNodes],
  ["azuredisk_node_conditions", countNodeConditions],
] as const;

/**
 * Shows how many objects report what, read at each scrape. Where `objects` answers undefined, another process
 * counts them: these gauges then have no values, so that no sum has an object twice.
 */
export function registerStateMetrics(registry: Registry, objects: () => CountedObjects | undefined): void {
  for (const [name, counts] of counters) {
    const gauge = createGauge(registry, name, () => {
      gauge.reset();
      const counted = objects();
      if (counted === undefined) return;
      for (const { labels, count } of counts(counted)) gauge.set(labels, count);
    });
  }
}

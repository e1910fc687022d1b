import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { isForeign } from "../../../src/core/api/identity/node-identity.ts";
import { nodeLabel } from "../../../src/core/api/node-labels.ts";
import { nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import { objectsIn } from "../../history/objects-in.ts";
import type { Violation } from "../../history/violation.ts";

/**
 * A node plug-in receives only the changes of volumes with its label: no record comes to name a node as
 * writer, fenced, quarantined or unverified before the AzVolume has that label, and no label goes while it
 * does.
 */
export function watchLabels(world: {
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  world.store.onCommit((commit) => {
    // A person may remove any label: controllers restore it.
    if (commit.by === "operator") return;
    const { before, after } = objectsIn(commit, "AzVolume");
    const known = unlabelledIn(before);
    for (const nodeName of unlabelledIn(after).filter((name) => !known.includes(name)))
      world.report({
        invariant: "unlabelled",
        detail: `${commit.by} leaves ${commit.name} without a label of ${nodeName}, which its record names`,
      });
  });
}

function unlabelledIn(volume: AzVolume | undefined): readonly string[] {
  const named = nodesIn(volume?.status?.record, "writer", "fencing", "quarantined", "unverified");
  return named
    .filter((node) => !isForeign(node) && volume?.metadata.labels?.[nodeLabel(node.nodeName)] === undefined)
    .map(({ nodeName }) => nodeName);
}

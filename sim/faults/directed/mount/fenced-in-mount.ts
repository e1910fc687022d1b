import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { isNamed } from "../../../../src/core/writer/record/record-nodes.ts";
import type { FaultContext } from "../../fault-class.ts";
import { cordonAllBut, cordonOnly } from "../../processes/cordon.ts";
import { dieInMount } from "../../processes/die-in-mount.ts";
import { markOutOfService } from "../../processes/mark-out-of-service.ts";
import type { IdleNode } from "./where-pods-are.ts";

const NOTICED_MS = 1_500;
const LOOK_MS = 200;

/**
 * A pod moves to the given node, whose plug-in dies in the middle of the mount; the mount command
 * survives. The node is marked, and `fenced` is called with the name of the AzVolume once its record has
 * the node in quarantine. Returns how to cancel the strike.
 */
export function fencedInMount(
  context: FaultContext,
  { target, plugin }: IdleNode,
  volumeName: string,
  {
    fenced,
    ...death
  }: {
    readonly mountsForMs: number;
    readonly died?: () => void;
    readonly fenced: (azVolumeName: string) => void;
  },
): () => void {
  const { later } = context;
  const { cluster } = context.world;
  const lookWhetherFenced = (): void => {
    const azVolumeName = fencedFrom(context, target, cluster.diskUriOf(volumeName) ?? "");
    if (azVolumeName === undefined) later(LOOK_MS, lookWhetherFenced);
    else fenced(azVolumeName);
  };
  const takeBack = plugin.strikeAt({ step: "mount", nth: 1, moment: "before" }, () => {
    dieInMount(context, target, death);
    later(NOTICED_MS, () => {
      cordonOnly(context, target);
      markOutOfService(context, target, true);
      lookWhetherFenced();
    });
  });
  cordonAllBut(context, target);
  later(LOOK_MS, () => cluster.deletePod(volumeName, { isForced: false }));
  return takeBack;
}

/** The AzVolume of the disk, once its record has the node in quarantine. */
function fencedFrom(
  { world }: Pick<FaultContext, "world">,
  nodeName: string,
  diskUri: string,
): string | undefined {
  return world.store
    .objects("AzVolume")
    .find(
      ({ status }) =>
        isSameResourceUri(status?.detail?.diskUri ?? "", diskUri) &&
        isNamed(status?.record, nodeName, "quarantined"),
    )?.metadata.name;
}

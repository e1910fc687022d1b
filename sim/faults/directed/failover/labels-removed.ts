import type { SimWorld } from "../../../world.ts";
import type { FaultVariant } from "../../fault-class.ts";

const EVERY_MS = 2_000;

/**
 * A person, or a tool, removes the labels of all AzVolumes and AzVolumeAttachments again and again. The node
 * plug-ins lose sight of the volumes that they have mounted, wait for, or are fenced from, and of their
 * attachments, each time until a controller labels them.
 */
export const labelsRemoved: FaultVariant = {
  forMs: [20_000, 60_000],
  isDirected: true,
  begin: ({ world, later }) => {
    let isOver = false;
    const act = (): void => {
      if (isOver) return;
      removeLabels(world).catch((error: unknown) =>
        world.report({ invariant: "crashed", detail: `a fault: ${String(error)}` }),
      );
      later(EVERY_MS, act);
    };
    act();
    return () => {
      isOver = true;
    };
  },
};

/** What the store refuses, because the object has changed, is tried again the next time. */
async function removeLabels(world: SimWorld): Promise<void> {
  const operator = world.store.handle("operator");
  const { signal } = new AbortController();
  for (const volume of world.store.objects("AzVolume")) {
    const { labels: _, ...metadata } = volume.metadata;
    await operator.update("AzVolume", { ...volume, metadata }, signal);
  }
  for (const attachment of world.store.objects("AzVolumeAttachment")) {
    const { labels: _, ...metadata } = attachment.metadata;
    await operator.update("AzVolumeAttachment", { ...attachment, metadata }, signal);
  }
}

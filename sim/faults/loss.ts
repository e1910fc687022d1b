import type { Kind } from "../../src/ports/object-store.ts";
import type { SimWorld } from "../world.ts";
import type { FaultClass } from "./fault-class.ts";
import { nodeOfPod, overAtOnce, pick } from "./fault-class.ts";

/** Deletes an object as a person with kubectl does who takes off its finalizers as well. */
async function eraseObject(world: SimWorld, kind: Kind, name: string): Promise<void> {
  const operator = world.store.handle("operator");
  const { signal } = new AbortController();
  await operator.delete(kind, name, {}, signal);
  for (let tries = 0; tries < 5; tries++) {
    const left = await operator.get(kind, name, signal);
    if (!left.ok || (left.value.metadata.finalizers ?? []).length === 0) return;
    await operator.update(kind, { ...left.value, metadata: { ...left.value.metadata, finalizers: [] } }, signal);
  }
}

function erase(world: SimWorld, kind: Kind, name: string): void {
  eraseObject(world, kind, name).catch((error: unknown) =>
    world.report({ invariant: "crashed", detail: `an operator can't delete ${kind} ${name}: ${String(error)}` }),
  );
}

function objectOf(world: SimWorld, volumeName: string): string | undefined {
  const diskUri = world.cluster.diskUriOf(volumeName)?.toLowerCase();
  return world.store.objects("AzVolume").find((volume) => volume.status?.detail?.diskUri.toLowerCase() === diskUri)?.metadata.name;
}

/** The driver's own memory is lost, or goes back; the driver is replaced. */
export const loss: FaultClass = {
  name: "loss",
  about: "objects are deleted by hand, all of them or one, the store is restored from an older backup, plug-ins and controllers are upgraded under I/O",
  variants: {
    "volume-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }, { volumeName, dice }) => {
        const name = objectOf(world, volumeName);
        if (name === undefined) return overAtOnce;
        if (dice < 0.5) erase(world, "AzVolume", name);
        else {
          const { signal } = new AbortController();
          world.store
            .handle("operator")
            .delete("AzVolume", name, {}, signal)
            .catch((error: unknown) => world.report({ invariant: "crashed", detail: String(error) }));
        }
        return overAtOnce;
      },
    },
    "attachments-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }, { volumeName }) => {
        const name = objectOf(world, volumeName);
        for (const attachment of world.store.objects("AzVolumeAttachment"))
          if (attachment.spec.volumeName === name) erase(world, "AzVolumeAttachment", attachment.metadata.name);
        return overAtOnce;
      },
    },
    "driver-node-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }, fault) => {
        erase(world, "AzDriverNode", nodeOfPod(world, fault));
        return overAtOnce;
      },
    },
    "everything-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }) => {
        for (const kind of ["AzVolumeAttachment", "AzVolume", "AzDriverNode"] as const) {
          for (const { metadata } of world.store.objects(kind)) erase(world, kind, metadata.name);
        }
        return overAtOnce;
      },
    },
    "lease-deleted": {
      forMs: [10_000, 60_000],
      begin: ({ world }) => {
        for (const { metadata } of world.store.objects("Lease")) erase(world, "Lease", metadata.name);
        return overAtOnce;
      },
    },
    restored: {
      forMs: [30_000, 120_000],
      begin: ({ world, later }, { forMs, dice }) => {
        const backup = world.store.snapshot();
        later(forMs * pick([0.4, 0.7, 0.95], dice), () => world.store.restore(backup));
        return overAtOnce;
      },
    },
    "plugin-upgraded": {
      forMs: [2_000, 20_000],
      begin: ({ world }, fault) => {
        const plugin = world.nodePlugin(nodeOfPod(world, fault));
        if (plugin === undefined) return overAtOnce;
        const stopped = plugin.stop();
        return () => {
          stopped.then(
            () => plugin.start(),
            (error: unknown) => world.report({ invariant: "crashed", detail: `${plugin.name} did not end in good order: ${String(error)}` }),
          );
        };
      },
    },
    "controllers-upgraded": {
      forMs: [2_000, 20_000],
      begin: ({ world }) => {
        const stopping = world.controllers.map((controller) => ({ controller, stopped: controller.stop() }));
        return () => {
          for (const { controller, stopped } of stopping) {
            stopped.then(
              () => controller.start(),
              (error: unknown) => world.report({ invariant: "crashed", detail: `${controller.name} did not end in good order: ${String(error)}` }),
            );
          }
        };
      },
    },
  },
};

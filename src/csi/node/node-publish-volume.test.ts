import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import type { NodePorts } from "../../node/node-ports.ts";
import { type NodeWorld, stagingPath, withNode } from "../../node/testing/a-node.ts";
import type { MountPoint } from "../../ports/host/host-provisioner.ts";
import type { NodePublishVolumeRequest } from "../gen/csi/v1/csi.ts";
import { toGrpcStatus } from "../server/to-grpc-status.ts";
import { aCall } from "../testing/a-call.ts";
import { nodePublishVolume } from "./node-publish-volume.ts";

const POD = "/var/lib/kubelet/pods/1";
const request: NodePublishVolumeRequest = {
  volumeId: diskUri,
  publishContext: {},
  stagingTargetPath: stagingPath,
  targetPath: `${POD}/volumes/kubernetes.io~csi/pvc-1/mount`,
  volumeCapability: {
    accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
    accessMode: { mode: "SINGLE_NODE_SINGLE_WRITER" },
  },
  readonly: false,
  secrets: {},
  volumeContext: {},
};

/** The status of a publish; undefined: success. */
async function statusOf(
  world: NodeWorld,
  { ports, targetPath }: { readonly ports: NodePorts; readonly targetPath: string },
): Promise<number | undefined> {
  const published = await world.answerOf(nodePublishVolume(ports, { ...request, targetPath }, aCall()));
  return published.ok ? undefined : toGrpcStatus(published.failure).code;
}

/** The kubelet has bound a folder of the volume for a container (`subPath`). */
function withSubPath(ports: NodePorts, { pod = POD, root = "/data" } = {}): NodePorts {
  const path = `${pod}/volume-subpaths/pvc-1/database/0`;
  return withSecondMount(ports, { path, like: request.targetPath, root });
}

/** The kubelet has bound at `path` what the volume has at `like`, or a folder of it. */
function withSecondMount(
  ports: NodePorts,
  { path, like, root }: { readonly path: string; readonly like: string; readonly root?: string },
): NodePorts {
  const { host } = ports;
  const second = (mount: MountPoint): MountPoint => ({ ...mount, path, root: root ?? mount.root });
  return {
    ...ports,
    host: {
      ...host,
      mountAt: async (at, signal) => {
        const found = await host.mountAt(at === path ? like : at, signal);
        return found.ok && found.value !== undefined && at === path
          ? { ...found, value: second(found.value) }
          : found;
      },
      mountsOf: async (majorMinor, signal) => {
        const found = await host.mountsOf(majorMinor, signal);
        const [first] = found.ok ? found.value : [];
        return found.ok && first !== undefined ? { ...found, value: [...found.value, second(first)] } : found;
      },
    },
  };
}

describe("nodePublishVolume of a volume for one pod", () => {
  it("refuses a second pod", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = world.ports();
      assert.equal(await statusOf(world, { ...request, ports }), undefined);
      assert.equal(await statusOf(world, { ports, targetPath: `${POD}0/volumes/pvc-1/mount` }), 9);
    }));

  for (const isForgotten of [false, true])
    it(
      "publishes again to a pod that has a folder of it in a container" +
        (isForgotten ? ", after its checkpoint was lost" : ""),
      () =>
        withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
          const before = world.ports();
          assert.equal(await statusOf(world, { ...request, ports: before }), undefined);
          if (isForgotten) await world.answerOf(before.checkpoints.remove("pvc-1", aCall().signal));
          const ports = withSubPath(before);
          assert.equal(await statusOf(world, { ...request, ports }), undefined);
          assert.equal(await statusOf(world, { ...request, ports }), undefined);
          assert.equal(await statusOf(world, { ports, targetPath: `${POD}0/volumes/pvc-1/mount` }), 9);
        }),
    );

  it("publishes again to a pod that has all of it in a container: subPath `.`", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const before = world.ports();
      assert.equal(await statusOf(world, { ...request, ports: before }), undefined);
      const own = withSubPath(before, { root: "/" });
      assert.equal(await statusOf(world, { ...request, ports: own }), undefined);
      const another = withSubPath(before, { root: "/", pod: `${POD}0` });
      assert.equal(await statusOf(world, { ...request, ports: another }), 9);
    }));

  it("publishes raw block again that the kubelet has bound, its checkpoint lost", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const before = world.ports();
      const folder = "/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices";
      const raw = {
        ...request,
        targetPath: `${folder}/publish/pvc-1/pod-1`,
        volumeCapability: {
          accessType: { $case: "block", value: {} },
          accessMode: { mode: "SINGLE_NODE_SINGLE_WRITER" },
        },
      } as const;
      const publish = async (ports: NodePorts, targetPath: string): Promise<string> =>
        kindOf(await world.answerOf(nodePublishVolume(ports, { ...raw, targetPath }, aCall())));
      assert.equal(await publish(before, raw.targetPath), "ok");
      await world.answerOf(before.checkpoints.remove("pvc-1", aCall().signal));
      const ports = withSecondMount(before, {
        path: `${folder}/pvc-1/dev/pod-1`,
        like: raw.targetPath,
      });
      // The first call restores the checkpoint, the second one reads it.
      assert.equal(await publish(ports, raw.targetPath), "ok");
      assert.equal(await publish(ports, raw.targetPath), "ok");
      assert.equal(await publish(ports, `${folder}/publish/pvc-1/pod-2`), "VolumeInUse");
    }));
});

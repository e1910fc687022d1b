import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
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
  const { host } = ports;
  const path = `${pod}/volume-subpaths/pvc-1/database/0`;
  const ofFolder = (mount: MountPoint): MountPoint => ({ ...mount, path, root });
  return {
    ...ports,
    host: {
      ...host,
      mountAt: async (at, signal) => {
        const found = await host.mountAt(at === path ? request.targetPath : at, signal);
        return found.ok && found.value !== undefined && at === path
          ? { ...found, value: ofFolder(found.value) }
          : found;
      },
      mountsOf: async (majorMinor, signal) => {
        const found = await host.mountsOf(majorMinor, signal);
        const [first] = found.ok ? found.value : [];
        return found.ok && first !== undefined
          ? { ...found, value: [...found.value, ofFolder(first)] }
          : found;
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
});

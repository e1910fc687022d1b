import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import type { NodePorts } from "../node-ports.ts";
import { stagingPath, withNode, aStageRequest } from "../testing/a-node.ts";
import { publishedTargets } from "./published-targets.ts";

const never = new AbortController().signal;
const LINK = "/link/";
const REAL = "/var/lib/kubelet/";
const linked = (path: string): string => path.replace(REAL, LINK);
const target = linked("/var/lib/kubelet/pods/1/volumes/pvc-1/mount");
const request = aStageRequest({ stagingPath: linked(stagingPath) });

/** `/link` leads to the kubelet's folder; as on a Linux host, mounts show where they are. */
function throughLink(ports: NodePorts): NodePorts {
  const { host } = ports;
  const real = (path: string): string => path.replace(LINK, REAL);
  return {
    ...ports,
    host: {
      ...host,
      mountAt: (path, signal) => host.mountAt(real(path), signal),
      unmount: (path, signal) => host.unmount(real(path), signal),
      pathKind: (path, signal) => host.pathKind(real(path), signal),
      mountDevice: (mount, signal) => host.mountDevice({ ...mount, path: real(mount.path) }, signal),
      bindMount: (bind, signal) =>
        host.bindMount(
          { ...bind, stagingPath: real(bind.stagingPath), targetPath: real(bind.targetPath) },
          signal,
        ),
    },
  };
}

describe("a volume whose paths lead through a link", () => {
  it("counts each of its mounts once, and is unstaged", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = throughLink(world.ports());
      const done = { ok: true, value: undefined };
      assert.deepEqual(await world.publish({ ...request, targetPath: target }, ports), done);
      assert.deepEqual(await publishedTargets(ports, diskUri, request.stagingPath, never), {
        ok: true,
        value: { bound: [target], bare: [], staging: "live", isUnflushed: false },
      });
      assert.deepEqual(await world.unpublish({ targetPath: target }, ports), done);
      assert.deepEqual(await world.unstage(request, ports), done);
      assert.deepEqual(world.machine.mounts(), []);
    }));

  it("has no target in a checkpoint that is written again, after its own was lost", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const ports = throughLink(world.ports());
      assert.equal((await world.stage(request, ports)).ok, true);
      await world.answerOf(ports.checkpoints.remove("pvc-1", never));
      assert.equal((await world.stage(request, ports)).ok, true);
      assert.deepEqual(
        ports.checkpoints.volumes().map((checkpoint) => [checkpoint.stagingPath, checkpoint.targetPaths]),
        [[request.stagingPath, []]],
      );
    }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail } from "../../core/failure/result.ts";
import { aWriter } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import type { DeviceSettingName } from "../../core/volume/device/device-settings.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode, aStageRequest } from "../testing/a-node.ts";
import { tuneDevice } from "./device-tuning.ts";
import type { StageRequest } from "./stage-request.ts";

const never = new AbortController().signal;
const granted = aWriter("node-a", { held: false });
const request = aStageRequest({
  volumeContext: {
    perfProfile: "Advanced",
    "device-setting/queue/scheduler": "mq-deadline",
    "device-setting/queue/read_ahead_kb": "8",
  },
});
const kernels = { "queue/scheduler": "none", "queue/read_ahead_kb": "128", "queue/nr_requests": "256" };
const tuned = { ...kernels, "queue/scheduler": "mq-deadline", "queue/read_ahead_kb": "8" };

async function stage(world: NodeWorld, overrides: Partial<StageRequest> = {}): Promise<string> {
  return kindOf(await world.stage({ ...request, ...overrides }));
}

async function deviceOf({ host }: NodePorts): Promise<Device> {
  const found = await host.findDevice({ lun: 0 }, never);
  assert.ok(found.ok);
  return found.value;
}

async function settingsOf(world: NodeWorld): Promise<Readonly<Record<string, string | undefined>>> {
  const { host } = world.ports();
  const read = await host.readDeviceSettings(await deviceOf(world.ports()), never);
  assert.ok(read.ok);
  const { value } = read;
  const names = Object.keys(kernels) as readonly DeviceSettingName[];
  return Object.fromEntries(names.map((name) => [name, value[name]]));
}

/** As a person or udev writes it. */
async function write(world: NodeWorld, name: DeviceSettingName, value: string): Promise<void> {
  const { host } = world.ports();
  const device = await deviceOf(world.ports());
  assert.ok((await host.writeDeviceSetting({ device, setting: { name, value } }, never)).ok);
}

describe("device settings of a staged volume", () => {
  for (const accessType of ["mount", "block"] as const)
    it(`are what its attributes ask for, and the kernel's again after it (${accessType})`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.equal(await stage(world, { accessType }), "ok");
        assert.deepEqual([await settingsOf(world), world.emitted], [tuned, []]);
        assert.equal(kindOf(await world.unstage()), "ok");
        assert.deepEqual([await settingsOf(world), world.ports().checkpoints.volumes()], [kernels, []]);
      }));

  it("are written before the volume is mounted", () =>
    withNode({ writer: granted }, async (world) => {
      let atMount: unknown;
      world.during.mount = async () => {
        atMount = await settingsOf(world);
      };
      assert.equal(await stage(world), "ok");
      assert.deepEqual(atMount, tuned);
    }));

  it("are written again by a repeated stage", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(await stage(world), "ok");
      await write(world, "queue/read_ahead_kb", "512");
      assert.equal(await stage(world), "ok");
      assert.deepEqual(await settingsOf(world), tuned);
      assert.equal(kindOf(await world.unstage()), "ok");
      assert.deepEqual(await settingsOf(world), kernels);
    }));

  it("are restored to what udev had set, with what the scheduler's change resets", () =>
    withNode({ writer: granted }, async (world) => {
      await write(world, "queue/nr_requests", "1024");
      assert.equal(await stage(world), "ok");
      assert.deepEqual(await settingsOf(world), tuned);
      assert.equal(kindOf(await world.unstage()), "ok");
      assert.deepEqual(await settingsOf(world), { ...kernels, "queue/nr_requests": "1024" });
    }));

  it("are those of its scheduler as well, which are gone with it", () =>
    withNode({ writer: granted }, async (world) => {
      const fifoBatch = async (): Promise<string | undefined> => {
        const { host } = world.ports();
        const read = await host.readDeviceSettings(await deviceOf(world.ports()), never);
        return read.ok ? read.value["queue/iosched/fifo_batch"] : assert.fail();
      };
      const volumeContext = { ...request.volumeContext, "device-setting/queue/iosched/fifo_batch": "1" };
      for (const _ of ["first", "again"]) {
        assert.equal(await stage(world, { volumeContext }), "ok");
        assert.deepEqual([await settingsOf(world), await fifoBatch(), world.emitted], [tuned, "1", []]);
      }
      assert.equal(kindOf(await world.unstage()), "ok");
      assert.deepEqual([await settingsOf(world), await fifoBatch()], [kernels, undefined]);
    }));

  it("are restored by the plug-in that follows one killed between two writes", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const { host } = ports;
      const dying: NodePorts = {
        ...ports,
        host: {
          ...host,
          writeDeviceSetting: async (given, signal) => {
            const written = await host.writeDeviceSetting(given, signal);
            world.restartPlugin({ childrenSurvive: false });
            return written;
          },
        },
      };
      assert.equal((await world.stage(request, dying)).ok, false);
      assert.deepEqual(await settingsOf(world), { ...kernels, "queue/scheduler": "mq-deadline" });
      assert.equal(await stage(world), "ok");
      assert.deepEqual(await settingsOf(world), tuned);
      world.restartPlugin();
      assert.equal(kindOf(await world.unstage()), "ok");
      assert.deepEqual(await settingsOf(world), kernels);
    }));

  it("are restored where the stage fails after them", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("mountDevice", {
        kind: "HostCommandFailed",
        command: "mount",
        exitCode: 1,
        stderr: "",
      });
      assert.equal(await stage(world), "HostCommandFailed");
      assert.deepEqual(await settingsOf(world), kernels);
    }));

  it("are not changed where the earlier values can't be kept", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const { checkpoints } = ports;
      const full: NodePorts = {
        ...ports,
        checkpoints: {
          ...checkpoints,
          put: async (checkpoint, signal) =>
            checkpoint.deviceSettings === undefined
              ? checkpoints.put(checkpoint, signal)
              : fail({ kind: "HostNotReady", detail: "disk full" }),
        },
      };
      assert.equal(kindOf(await world.stage(request, full)), "HostNotReady");
      assert.deepEqual(await settingsOf(world), kernels);
    }));

  it("that a device does not take keep no data from a pod, and an event names them", () =>
    withNode({ writer: granted }, async (world) => {
      const volumeContext = {
        ...request.volumeContext,
        "device-setting/queue/rq_affinity": "2",
        "device-setting/queue/nr_requests": "10000",
        "device-setting/../../loop0/queue/scheduler": "none",
      };
      assert.equal(await stage(world, { volumeContext }), "ok");
      assert.deepEqual(await settingsOf(world), tuned);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["DeviceNotTuned"],
      );
      const message = world.emitted[0]?.message ?? "";
      for (const named of [/loop0/u, /queue\/rq_affinity: ENOENT/u, /"10000" for queue\/nr_requests/u])
        assert.match(message, named);
    }));

  it("of another disk that has the number by now are left alone", () =>
    withNode(
      { writer: granted },
      async (world) => {
        assert.equal(await stage(world), "ok");
        const { checkpoints } = world.ports();
        const [own] = checkpoints.volumes();
        assert.ok(own !== undefined);
        const { deviceSettings: _, ...other } = own;
        await checkpoints.put({ ...other, volumeName: "pvc-2", volumeId: "/disks/pvc-2" }, never);
        assert.equal(kindOf(await world.unstage()), "ok");
        assert.deepEqual(await settingsOf(world), tuned);
      },
      { reusesNumbers: true },
    ));

  it("computed by profile basic are written as far as the device has them", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(await stage(world, { volumeContext: { perfProfile: "basic" } }), "ok");
      assert.deepEqual(
        [await settingsOf(world), world.emitted],
        [{ "queue/scheduler": "mq-deadline", "queue/read_ahead_kb": "8", "queue/nr_requests": "11" }, []],
      );
    }));

  it("are refused by name on Windows, with an event", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const onWindows = { ...ports, settings: { ...ports.settings, platform: "windows" as const } };
      const volume = await world.answerOf(world.store.get("AzVolume", "pvc-1", never));
      assert.ok(volume.ok);
      const device = await deviceOf(ports);
      const { volumeContext } = request;
      assert.ok((await tuneDevice(onWindows, { volume: volume.value, device, volumeContext }, never)).ok);
      assert.match(world.emitted[0]?.message ?? "", /perfProfile is not served on Windows/u);
    }));
});

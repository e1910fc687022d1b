import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { buildGuestParts } from "../../testbed/guests/guest-parts.ts";
import { reasonAgainstGuests } from "../../testbed/guests/reason-against-guests.ts";
import { startGuest } from "../../testbed/guests/start-guest.ts";
import { freePorts } from "../../testbed/ports/free-ports.ts";
import { reservationsContract } from "../contract/host/reservations.ts";
import { startSharingGuest, type SharingGuest } from "./sharing/sharing-guest.ts";

const BUILD_TIMEOUT_MS = 1_200_000;
const TIMEOUT_MS = 600_000;
const DISK_BYTES = 48n * 1024n * 1024n;
const never = new AbortController().signal;
const fsType = "ext4";
const T0 = Date.now();
const log = (...x: unknown[]) => console.log(((Date.now() - T0) / 1000).toFixed(1), ...x);

describe("reservations of SCSI disks", { skip: (await reasonAgainstGuests()) ?? false }, () => {
  const owned = new AsyncDisposableStack();
  let a: SharingGuest;
  let b: SharingGuest;

  before(
    async ({ signal }) => {
      const parts = await buildGuestParts((line) => console.log(line), signal);
      const [port = 0] = await freePorts(1);
      log("start");
      const target = owned.use(
        await startGuest(
          parts,
          {
            entry: "testbed/guests/iscsi-target.sh",
            diskBytes: new Map([[0, DISK_BYTES]]),
            servedAtPort: port,
          },
          signal,
        ),
      );
      if (!(await target.untilPrinted("served"))) {
        const { output, console: messages } = await target.ended();
        assert.fail(`${output}\n${messages}`);
      }
      log("served");
      [a, b] = await Promise.all([
        startSharingGuest(parts, [{ port, initiator: "a" }], signal).then((x) => owned.use(x)),
        startSharingGuest(
          parts,
          [
            { port, initiator: "b" },
            { port, initiator: "c" },
          ],
          signal,
        ).then((x) => owned.use(x)),
      ]);
      log("guests");
    },
    { timeout: BUILD_TIMEOUT_MS },
  );
  after(() => owned.disposeAsync());

  reservationsContract(
    "Linux",
    async () => ({ a, b, aborts: true, close: () => clearKeys(b) }),
    { timeout: TIMEOUT_MS },
  );

  it("fence", { timeout: TIMEOUT_MS }, async () => {
    const mount = (m: SharingGuest) =>
      m.host.mountDevice({ device: m.device, path: "/run/mnt", fsType, mountFlags: [], readOnly: false }, never);
    const clean = (m: SharingGuest, extra = {}) =>
      m.host.isClean({ accessType: "mount", lun: 0, lastMajorMinor: m.device.majorMinor, lunsOfOthers: [], ...extra }, never);
    valueOf(await a.host.reserve({ device: a.device, key: "617a00000000000a" }, never));
    valueOf(await a.host.format({ device: a.device, fsType, uuid: "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0" }, never));
    valueOf(await mount(a));
    log(await a.processes.writeFile("/run/mnt/synced", "synced"), await a.processes.fsync("/run/mnt/synced"));
    log(await a.processes.run("sync", "-f", "/run/mnt"));
    log(await a.processes.writeFile("/run/mnt/dirty", "d".repeat(1000000)));
    log(valueOf(await b.host.reserve({ device: b.device, key: "617a00000000000b", earlier: "617a00000000000a" }, never)));
    log("fsync", await a.processes.fsync("/run/mnt/dirty"));
    log("more", await a.processes.writeFile("/run/mnt/more", "x"), await a.processes.fsync("/run/mnt/synced"));
    log("mountAt", await a.host.mountAt("/run/mnt", never));
    log("flush", await a.host.flush("/run/mnt", never));
    log("dmesg", (await a.processes.run("busybox", "dmesg")).output.split("\n").slice(-12).join("\n"));
    log("check", await b.host.checkFileSystem({ device: b.device, fsType }, never));
    log("mount", await mount(b));
    log(await b.processes.listFiles("/run/mnt"), await b.processes.readFile("/run/mnt/synced"));
    log("unmount", await a.host.unmount("/run/mnt", never));
    log("clean", await clean(a));
    log("clean block", await clean(a, { accessType: "block" }));
    log("dmesg", (await a.processes.run("busybox", "dmesg")).output.split("\n").slice(-6).join("\n"));
    log(await b.processes.writeFile("/run/mnt/of-b", "of b"), await b.processes.fsync("/run/mnt/of-b"));
    log("unmount b", await b.host.unmount("/run/mnt", never));
    log("clean b", await clean(b));
    log("release", await b.host.releaseReservation({ device: b.device, key: "617a00000000000b" }, never));
    log(await a.host.reserve({ device: a.device, key: "617a0000000000a2" }, never));
    log("drop", await a.host.dropCachedBlocks(a.device, never));
    log("check", await a.host.checkFileSystem({ device: a.device, fsType }, never));
    log(await mount(a), await a.processes.listFiles("/run/mnt"));
    log(await a.host.unmount("/run/mnt", never));
    log("crash");
    await a.crash();
    log("crashed", await a.host.readReservation(a.device, never), await b.write("b"), await a.write("a"));
  });
});

/** The disk forgets all keys. */
async function clearKeys({ processes, device }: SharingGuest): Promise<void> {
  const persist = ["--no-inquiry", "--out", device.path] as const;
  const forget = [
    ["--register-ignore", "--param-sark=c1ea", "--param-aptpl"],
    ["--clear", "--param-rk=c1ea"],
  ];
  for (const action of forget) {
    const { exitCode, output } = await processes.run("sg_persist", ...persist, ...action);
    assert.equal(exitCode, 0, output);
  }
}

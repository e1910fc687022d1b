import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { fail } from "../../../core/failure/result.ts";
import { majorMinorOf } from "../../../core/node/device/device-number.ts";
import { bytes } from "../../../core/primitives/units.ts";
import { systemClock } from "../../system/system-clock.ts";
import { createLinuxHost } from "../create-linux-host.ts";

const never = new AbortController().signal;

/** A host with a mount in a folder of that name, and stand-ins for umount and mount that fail with `says`. */
async function aHost(t: TestContext, { folder, says }: { readonly folder: string; readonly says: string }) {
  const directory = await mkdtemp(join(tmpdir(), "unmount-path-"));
  const [path, free] = [join(directory, folder, "mount"), join(directory, folder, "free")];
  const [bin, procRoot] = [join(directory, "bin"), join(directory, "proc")];
  for (const made of [path, bin, join(procRoot, "self")]) await mkdir(made, { recursive: true });
  const failing = (program: string, at: string): string =>
    `#!/bin/sh\necho "${program}: ${at}: ${says}" >&2\nexit 32\n`;
  for (const name of ["sync", "fsfreeze"]) await writeFile(join(bin, name), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(join(bin, "umount"), failing("umount", path), { mode: 0o755 });
  await writeFile(join(bin, "mount"), failing("mount", free), { mode: 0o755 });
  const majorMinor = majorMinorOf((await stat(path, { bigint: true })).dev);
  const shown = path.replaceAll(" ", "\\040");
  const mountinfo = `36 35 ${majorMinor} / ${shown} rw,relatime - ext4 /dev/sdc rw\n`;
  await writeFile(join(procRoot, "self/mountinfo"), mountinfo);
  const pathBefore = process.env["PATH"];
  process.env["PATH"] = `${bin}:${pathBefore ?? ""}`;
  const places = { lockDirectory: join(directory, "locks"), procRoot };
  const host = await createLinuxHost({ ...places, clock: systemClock });
  t.after(async () => {
    await host.close();
    process.env["PATH"] = pathBefore;
    await rm(directory, { recursive: true });
  });
  return { host, path, free };
}

const ioError = "umount(2) system call failed: Input/output error.";

describe("what umount and mount say of a path whose name says something else", () => {
  for (const folder of ["busybox-0", "not mounted"])
    it(`takes no path below "${folder}" for umount's answer`, async (t) => {
      const { host, path } = await aHost(t, { folder, says: ioError });
      const stderr = `umount: ${path}: ${ioError}`;
      const failed = await host.unmount(path, never);
      assert.deepEqual(
        failed,
        fail({ kind: "HostCommandFailed", command: `umount ${path}`, exitCode: 32, stderr }),
      );
    });

  it("reports a busy one as busy", async (t) => {
    const { host, path } = await aHost(t, { folder: "data", says: "target is busy." });
    const failed = await host.unmount(path, never);
    const detail = `${path} is in use: end what uses it`;
    assert.deepEqual(failed, fail({ kind: "DeviceBusy", devicePath: "/dev/sdc", detail }));
  });

  it("takes no path for mount's answer", async (t) => {
    const { host, free } = await aHost(t, { folder: "unknown filesystem type", says: "permission denied." });
    const device = { path: "/dev/sdc", majorMinor: "8:32", lun: 0, sizeBytes: bytes(1n) };
    const request = { device, path: free, fsType: "ext4", mountFlags: [], readOnly: false } as const;
    const failed = await host.mountDevice(request, never);
    assert.equal(failed.ok ? "" : failed.failure.kind, "HostCommandFailed");
  });
});

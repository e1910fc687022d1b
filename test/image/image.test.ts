import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildImage, imageLayers } from "../../deploy/image/build-image.ts";
import { DRIVER_PROGRAMS } from "../../deploy/image/image-programs.ts";
import { unpackLayers } from "../../deploy/image/unpack-layers.ts";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import type { CommandOutcome } from "../../scripts/child/run-command.ts";

const MEBIBYTE = 1024 * 1024;
const SIZE_MAX_MIB = 250;
const USER = "65532";
const whyNot =
  process.getuid?.() !== 0
    ? "not root: chroot and mounts need it"
    : (await findCommand("apt-get")) === undefined
      ? "no apt-get here"
      : undefined;

describe("the driver's image", { skip: whyNot ?? false }, () => {
  let folder: string;
  let root: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "image-"));
    root = join(folder, "root");
    const { system, program } = await imageLayers();
    await unpackLayers([system, program], root);
  });
  after(async () => rm(folder, { recursive: true }));

  /**
   * Runs a shell script in the image: read-only root file system, separate mount and process namespaces.
   */
  function inImage(script: string, user: string): Promise<CommandOutcome> {
    const prepare = [
      `mount --bind ${root} ${root}`,
      `mount --rbind /dev ${root}/dev`,
      `mount -t proc proc ${root}/proc`,
      `mount -t sysfs sys ${root}/sys`,
      `mount -t tmpfs tmp ${root}/tmp`,
      `mount -o remount,bind,ro ${root}`,
      `exec chroot --userspec=${user}:${user} ${root} /bin/sh -euc "$1"`,
    ].join(" && ");
    return runCommand(
      "unshare",
      [
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        prepare,
        "sh",
        script,
      ],
      {
        cwd: "/",
        env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
      },
    );
  }

  it("starts every role as an unprivileged user on a read-only file system", async () => {
    const { output: help } = await inImage("azuredisk-csi-driver --help", USER);
    const roles = [...help.matchAll(/^ {2}([\w-]+) {2,}/gmu)].map((match) => match[1] ?? "");
    assert.ok(roles.includes("scheduler-extender") && roles.includes("pre-stop"), help);
    for (const role of roles) {
      const { code, output } = await inImage(`azuredisk-csi-driver ${role} --help`, USER);
      assert.equal(code, 0, output);
      assert.match(output, new RegExp(`^azuredisk-csi-driver ${role}\\b`, "mu"));
    }
  });

  it("has every program that the driver runs, with all libraries", async () => {
    const script = [
      `for program in ${DRIVER_PROGRAMS.join(" ")}; do command -v "$program" > /dev/null || echo ` +
        `"$program is missing"; done`,
      'for file in /usr/bin/* /usr/sbin/* /usr/local/bin/node; do case "$(head -c 4 "$file" | od -An ' +
        '-c)" in *E*L*F*) LD_TRACE_LOADED_OBJECTS=1 "$file" ;; esac; done',
    ].join("\n");
    const { code, output } = await inImage(script, USER);
    assert.equal(code, 0, output);
    assert.deepEqual(
      output.split("\n").filter((line) => /missing|not found|cannot/u.test(line)),
      [],
    );
    assert.match(output, /libext2fs\.so\.2 => /u);
  });

  it("creates, mounts, checks and grows the file systems that the driver offers", async () => {
    const script = `cd /tmp
for type in ext4 xfs btrfs; do
  dd if=/dev/zero of=disk bs=1M count=0 seek=320 2> /dev/null
  device=$(losetup --find --show disk)
  trap 'losetup --detach "$device"' EXIT
  mkfs.$type -q "$device"
  mkdir -p at
  mount -t $type "$device" at
  echo kept > at/file
  sync -f at/file
  test "$type" = ext4 && umount at
  dd if=/dev/zero of=disk bs=1M count=0 seek=400 2> /dev/null
  losetup --set-capacity "$device"
  case "$type" in
    ext4) e2fsck -f -p "$device"; resize2fs "$device"; mount "$device" at ;;
    xfs) xfs_growfs -d at ;;
    btrfs) btrfs inspect-internal dump-super "$device"; btrfs filesystem resize 1:max at ;;
  esac
  test "$(cat at/file)" = kept
  test "$(df --output=size --block-size=1M at | tail -n 1)" -gt 320
  umount at
  blkid -p -o value -s TYPE "$device"
  wipefs --no-act --json "$device"
  losetup --detach "$device"
  trap - EXIT
  rm disk
done
`;
    const { code, output } = await inImage(script, "0");
    assert.equal(code, 0, output);
    assert.match(output, /\next4\n[^]*\nxfs\n[^]*\nbtrfs\n/u);
  });

  it("is as small as promised, reproducible, and lists its contents", async () => {
    const first = await buildImage();
    assert.ok(first.sizeBytes < SIZE_MAX_MIB * MEBIBYTE, `${first.sizeBytes / MEBIBYTE} MiB`);
    assert.deepEqual(await buildImage(), first);
    const sbom = await readFile(first.sbom, "utf8");
    assert.equal(
      await readFile(join(root, "usr/share/doc/azuredisk-csi-driver/sbom.spdx.json"), "utf8"),
      sbom,
    );
    const names = (
      JSON.parse(sbom) as { readonly packages: readonly { readonly name: string }[] }
    ).packages.map(({ name }) => name);
    for (const name of [
      "node",
      "e2fsprogs",
      "xfsprogs",
      "btrfs-progs",
      "util-linux",
      "sg3-utils",
      "mount",
      "libc6",
      "@grpc/grpc-js",
      "@azure/arm-compute",
    ]) {
      assert.ok(names.includes(name), `${name} is not in ${names.join(", ")}`);
    }
  });
});

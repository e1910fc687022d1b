import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bindMountOptions, isStagedReadOnly, stagingMountOptions } from "./mount-options.ts";

/** What mount(8) or the kernel take for several options, though quotes make one of it, or the reverse. */
const hidingFlags: readonly (readonly string[])[] = [
  ['usrjquota="a,noload,grpjquota=b",jqfmt=vfsv1'],
  ['context="a,noload,b"'],
  ['x-a="', 'x-b=",noload,"'],
  ['x-a=\\",noload,x-b=\\"'],
  ['x-a=\\",loop,x-b=\\"'],
  ["x-a=\\,noload"],
  ['noload"'],
];

describe("stagingMountOptions", () => {
  it("passes on what the user asked for, once each", () => {
    assert.deepEqual(
      stagingMountOptions({ fsType: "ext4", mountFlags: ["noatime", "discard", "noatime"], readOnly: false }),
      {
        ok: true,
        value: ["noatime", "discard"],
      },
    );
  });

  it("lets a read-only mount replay the journal: its node is the only writer", () => {
    const optionsOf = (fsType: "ext4" | "ext3" | "ext2" | "xfs" | "btrfs") =>
      stagingMountOptions({ fsType, mountFlags: [], readOnly: true });
    assert.deepEqual(optionsOf("ext4"), { ok: true, value: ["ro"] });
    assert.deepEqual(optionsOf("ext3"), { ok: true, value: ["ro"] });
    assert.deepEqual(optionsOf("ext2"), { ok: true, value: ["ro"] });
    assert.deepEqual(optionsOf("xfs"), { ok: true, value: ["nouuid", "ro"] });
    assert.deepEqual(optionsOf("btrfs"), { ok: true, value: ["ro"] });
  });

  it("lets an xfs be mounted beside its copy, which has the same UUID", () => {
    for (const mountFlags of [[], ["nouuid"]])
      assert.deepEqual(stagingMountOptions({ fsType: "xfs", mountFlags, readOnly: false }), {
        ok: true,
        value: ["nouuid"],
      });
  });

  it("treats a comma within quotes as part of the value", () => {
    const flag = 'context="system_u:object_r:container_file_t:s0:c1,c2"';
    assert.deepEqual(stagingMountOptions({ fsType: "xfs", mountFlags: [flag], readOnly: false }), {
      ok: true,
      value: [flag, "nouuid"],
    });
  });

  it("treats the comma of each kind of context so, beside other options", () => {
    for (const name of ["context", "fscontext", "defcontext", "rootcontext"]) {
      const flag = `noatime,${name}="system_u:object_r:svirt_t:s0-s15:c0.c1023,c7",nodev`;
      assert.deepEqual(stagingMountOptions({ fsType: "ext4", mountFlags: [flag], readOnly: false }), {
        ok: true,
        value: [flag],
      });
    }
  });

  it("keeps nofail from mount(8), which would succeed without a device", () => {
    for (const [flag, value] of [
      ["nofail", []],
      ["noatime,nofail", ["noatime"]],
      ["nofail,noatime", ["noatime"]],
      ["noatime,nofail,discard", ["noatime,discard"]],
      ["nofailure", ["nofailure"]],
    ] as const)
      assert.deepEqual(stagingMountOptions({ fsType: "ext4", mountFlags: [flag], readOnly: false }), {
        ok: true,
        value,
      });
  });

  const refused = [
    { flag: "", because: "an empty option means nothing" },
    { flag: "noatime\nbind", because: "white space never belongs to an option" },
    { flag: "bind", because: "it would mount another directory" },
    { flag: "noatime,remount", because: "a comma hides a second option" },
    { flag: "loop=/dev/loop3", because: "it would mount a file" },
    { flag: "logdev=/dev/sdd", because: "it would write to another device" },
    { flag: "X-mount.idmap=b:0:0:1", because: "it would show the volume under other owners" },
    { flag: "x-mount.mkdir=0777", because: "the driver makes the directory itself" },
    { flag: "X-mount.owner=1000", because: "mount(8) would change the volume's root" },
    { flag: "verity.hashdevice=/dev/sdd", because: "it would open another device" },
    { flag: "device=/dev/sdd", because: "a btrfs would write to another device" },
    { flag: "rw", because: "the volume is read-only" },
    { flag: "rw=fs", because: "it is another name of rw" },
    { flag: 'x-a="', because: "mount(8) would take the ro after it for its value" },
    { flag: "x-a=\\", because: "mount(8) would take the comma after it for its value" },
  ];
  for (const { flag, because } of refused) {
    it(`refuses ${JSON.stringify(flag)}, since ${because}`, () => {
      const options = stagingMountOptions({ fsType: "ext4", mountFlags: [flag], readOnly: true });
      assert.deepEqual(options.ok ? "accepted" : options.failure.kind, "InvalidArgument");
    });
  }
});

describe("stagingMountOptions of flags in which quotes hide options", () => {
  for (const mountFlags of hidingFlags)
    it(`refuse ${JSON.stringify(mountFlags)}`, () => {
      const options = stagingMountOptions({ fsType: "ext4", mountFlags, readOnly: false });
      assert.ok(!options.ok && options.failure.kind === "InvalidArgument");
      assert.match(options.failure.problem, /^must not contain quotes/u);
    });
});

describe("isStagedReadOnly", () => {
  for (const [mountFlags, readOnly, expected] of [
    [[], false, false],
    [[], true, true],
    [["noatime", "ro"], false, true],
    [["nodev,ro,nosuid"], false, true],
    [["ro", "rw"], false, false],
    [["rw", "ro"], false, true],
  ] as const)
    it(`is ${expected} with ${JSON.stringify(mountFlags)}${readOnly ? " of a single reader" : ""}`, () => {
      assert.equal(isStagedReadOnly({ mountFlags, readOnly }), expected);
    });
});

describe("stagingMountOptions of a writable mount", () => {
  for (const [fsType, flag] of [
    ["ext4", "noload"],
    ["ext4", "norecovery"],
    ["xfs", "noatime,norecovery"],
    ["btrfs", "rescue=nologreplay"],
    ["btrfs", "rescue=usebackuproot"],
    ["btrfs", "usebackuproot"],
    ["btrfs", "nologreplay"],
    ["btrfs", "recovery"],
  ] as const) {
    it(`refuse ${flag} for ${fsType}, by which the newest data would be lost`, () => {
      const options = stagingMountOptions({ fsType, mountFlags: [flag], readOnly: false });
      assert.ok(!options.ok && options.failure.kind === "InvalidArgument");
      assert.match(
        options.failure.problem,
        /is not allowed on a writable mount: what was written last would be lost/,
      );
      const andReadWrite = stagingMountOptions({ fsType, mountFlags: ["ro", flag, "rw"], readOnly: false });
      assert.equal(andReadWrite.ok, false, "the last of both counts");
    });

    it(`take ${flag} for ${fsType} where the flags make the mount read-only`, () => {
      assert.equal(stagingMountOptions({ fsType, mountFlags: ["ro", flag], readOnly: false }).ok, true);
      assert.equal(
        stagingMountOptions({ fsType, mountFlags: [flag], readOnly: true }).ok,
        true,
        "the volume is read-only",
      );
    });
  }
});

describe("bindMountOptions", () => {
  const inherited = ["rw", "noatime"];

  it("leaves a bind unchanged that needs nothing else", () => {
    assert.equal(bindMountOptions({ inherited, mountFlags: ["noatime", "rw"], readOnly: false }), undefined);
  });

  it("ignores options of the file system, which a bind can't change", () => {
    assert.equal(
      bindMountOptions({ inherited, mountFlags: ["discard", "data=ordered"], readOnly: false }),
      undefined,
    );
  });

  it("keeps what the bound mount restricts when it adds read-only", () => {
    assert.deepEqual(bindMountOptions({ inherited, mountFlags: ["nosuid"], readOnly: true }), [
      "noatime",
      "nosuid",
      "ro",
    ]);
  });
});

describe("the options of mount(8)", () => {
  const perMount = [
    ...[
      "ro",
      "nosuid",
      "suid",
      "nodev",
      "dev",
      "noexec",
      "exec",
      "noatime",
      "atime",
      "nodiratime",
      "diratime",
    ],
    ...["relatime", "norelatime", "strictatime", "nosymfollow"],
  ];
  const forbidden = [
    ...["bind", "rbind", "move", "remount", "loop", "offset", "sizelimit", "encryption", "helper"],
    ...["shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable"],
    ...["X-mount.subdir", "X-mount.idmap", "journal_dev", "journal_path", "logdev", "rtdev"],
  ];
  const staged = (flag: string, readOnly = false) =>
    stagingMountOptions({ fsType: "ext4", mountFlags: [flag], readOnly });

  it("gives a bind mount those that belong to a mount, and none of its file system", () => {
    for (const flag of perMount) {
      assert.deepEqual(
        bindMountOptions({ inherited: [], mountFlags: [flag], readOnly: false }),
        [flag],
        flag,
      );
    }
    for (const flag of ["rw", "discard", "barrier=1"]) {
      assert.equal(bindMountOptions({ inherited: [], mountFlags: [flag], readOnly: false }), undefined, flag);
    }
  });

  // It adds rw only where nothing makes the mount read-only.
  it("keeps the restrictions of the mount below", () => {
    const bound = (inherited: readonly string[], mountFlags: readonly string[]) =>
      bindMountOptions({ inherited, mountFlags, readOnly: false });
    assert.deepEqual(bound(["rw", "nosuid", "discard"], ["noexec"]), ["rw", "nosuid", "noexec"]);
    assert.deepEqual(bound(["rw", "nosuid"], ["ro"]), ["nosuid", "ro"]);
  });

  it("refuses those that would mount anything else, with a value and without", () => {
    for (const name of forbidden) {
      for (const flag of [name, `${name}=1`]) {
        const problem = `${flag} is not allowed: it would mount something else than the volume`;
        const failure = { kind: "InvalidArgument", field: "mount_flags", value: flag, problem } as const;
        assert.deepEqual(staged(flag), { ok: false, failure });
      }
    }
  });

  it("refuses V1's own option, by which a disk would be mounted unchecked", () => {
    for (const flag of ["directmount", "noatime,directmount"]) {
      const options = staged(flag);
      assert.ok(!options.ok && options.failure.kind === "InvalidArgument");
      assert.match(options.failure.problem, /^directmount is not allowed: every mount is preceded by/u);
    }
  });

  it("accepts a flag of up to 1,024 characters, and rw on a writable volume", () => {
    assert.equal(staged("a".repeat(1_024)).ok, true);
    assert.equal(staged("a".repeat(1_025)).ok, false);
    assert.equal(staged("rw").ok, true);
    assert.equal(staged("noatime", true).ok, true);
  });
});

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { DebianPackage } from "./debian-packages.ts";
import { systemFiles } from "./system-files.ts";

describe("files of the system layer", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "system-files-"));
  });
  after(async () => rm(folder, { recursive: true }));

  /** An unpacked package; content that starts with `->` makes a symbolic link. */
  async function aPackage(name: string, files: Readonly<Record<string, string>>): Promise<DebianPackage> {
    for (const [path, content] of Object.entries(files)) {
      const full = join(folder, name, path);
      await mkdir(dirname(full), { recursive: true });
      await (content.startsWith("->")
        ? symlink(content.slice(2), full)
        : writeFile(full, content, { mode: 0o755 }));
    }
    return { name, version: "1", architecture: "amd64", sha256: "", control: "", folder: join(folder, name) };
  }

  it("are exactly the chosen programs, what they link to and load, and licences", async () => {
    const packages = [
      await aPackage("shell", {
        "bin/dash": "dash",
        "bin/sh": "->dash",
        "usr/share/doc/shell/copyright": "BSD",
        "usr/share/man/sh.1": "long",
      }),
      await aPackage("fun", {
        "lib/x86_64-linux-gnu/libfun.so.1": "->libfun.so.1.2",
        "lib/x86_64-linux-gnu/libfun.so.1.2": "fun",
        "usr/share/doc/fun": "->base",
      }),
      await aPackage("base", { "usr/share/doc/base/copyright": "GPL", "lib64/ld.so.2": "loader" }),
      await aPackage("unused", { "usr/bin/python": "python", "usr/share/doc/unused/copyright": "PSF" }),
    ];
    const choices = [{ package: "shell", driver: ["sh"], people: [], files: [] }];
    const found = await systemFiles("x64", packages, choices, [
      { architecture: "x64", libraries: ["libfun.so.1"], loader: "/lib64/ld.so.2" },
    ]);
    assert.deepEqual(
      found.packages.map(({ name }) => name),
      ["shell", "fun", "base"],
    );
    assert.deepEqual(
      found.entries
        .map((entry) => (entry.kind === "SymbolicLink" ? `${entry.path} -> ${entry.target}` : entry.path))
        .toSorted(),
      [
        "usr/bin/dash",
        "usr/bin/sh -> dash",
        "usr/lib/x86_64-linux-gnu/libfun.so.1 -> libfun.so.1.2",
        "usr/lib/x86_64-linux-gnu/libfun.so.1.2",
        "usr/lib64/ld.so.2",
        "usr/share/doc/base/copyright",
        "usr/share/doc/fun -> base",
        "usr/share/doc/shell/copyright",
      ],
    );
  });

  it("must all exist: an image that lacks a program is not built", async () => {
    const packages = [await aPackage("empty", { "usr/share/doc/empty/copyright": "MIT" })];
    const rows = [
      {
        choices: [{ package: "empty", driver: ["mkfs.ext4"], people: [], files: [] }],
        needs: [],
        missing: "mkfs.ext4 of empty",
      },
      {
        choices: [{ package: "empty", driver: [], people: [], files: ["etc/mke2fs.conf"] }],
        needs: [],
        missing: "etc/mke2fs.conf of empty",
      },
      {
        choices: [],
        needs: [{ architecture: "x64", libraries: ["libgone.so.1"], loader: undefined }],
        missing: "library libgone.so.1, which Node loads,",
      },
    ] as const;
    for (const { choices, needs, missing } of rows) {
      await assert.rejects(systemFiles("x64", packages, choices, needs), {
        message: `${missing} is in none of the packages: see deploy/image/image-programs.ts`,
      });
    }
  });

  it("must be for the image's machine", async () => {
    const program = await readFile(process.execPath);
    program.writeUInt16LE(183, 18);
    const packages = [
      await aPackage("foreign", { "usr/bin/mkfs": "", "usr/share/doc/foreign/copyright": "MIT" }),
    ];
    await writeFile(join(folder, "foreign/usr/bin/mkfs"), program);
    const choices = [{ package: "foreign", driver: ["mkfs"], people: [], files: [] }];
    await assert.rejects(systemFiles("x64", packages, choices, []), {
      message: "usr/bin/mkfs is for arm64, the image for x64",
    });
    const needs = { architecture: "x64", libraries: [], loader: undefined } as const;
    await assert.rejects(systemFiles("arm64", [], [], [needs]), {
      message: "Node is for x64, the image for arm64",
    });
  });
});

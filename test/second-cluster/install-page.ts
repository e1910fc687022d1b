import { readFile } from "node:fs/promises";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import type { Lab } from "../../testbed/lab/lab.ts";
import { run } from "../../testbed/lab/units/run.ts";

const PAGE = fileURLToPath(new URL("../../docs/install.md", import.meta.url));
const BLOCK = /^(?<indent> *)```sh\n(?<commands>[^]*?)^ *```$/gmu;

/** The commands of a section of docs/install.md, a text for each block. Throws if the page has none. */
export async function commandsOf(heading: string): Promise<readonly string[]> {
  const page = await readFile(PAGE, "utf8");
  const start = page.indexOf(`\n${heading}\n`);
  const section = start < 0 ? "" : page.slice(start + 1 + heading.length);
  const end = section.search(/^##/mu);
  const blocks = [...(end < 0 ? section : section.slice(0, end)).matchAll(BLOCK)].map(({ groups = {} }) =>
    (groups["commands"] ?? "")
      .split("\n")
      .map((line) => line.slice((groups["indent"] ?? "").length))
      .join("\n"),
  );
  if (blocks.length === 0) throw new Error(`docs/install.md has no commands below ${heading}`);
  return blocks;
}

/** Runs commands as a person does, one after the other: in a shell with kubectl, in this folder. */
export async function followPage(lab: Lab, commands: string | undefined, folder: string): Promise<string> {
  if (commands === undefined) throw new Error("docs/install.md has fewer blocks of commands");
  return run(["bash", "-c", `cd ${folder}\n${commands}\ntrue`], {
    env: {
      KUBECONFIG: lab.kubeconfig,
      PATH: `${lab.parts.bin}${delimiter}${process.env["PATH"] ?? ""}`,
    },
  });
}

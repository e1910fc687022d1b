import { type ArmFailure, armErrors } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { type BodyPath, charactersBefore, pathText } from "./body-position.ts";
import { booleanProblem, charactersRead, numberProblem } from "./conversion-problem.ts";
import { FREE_FORM } from "./described-body.ts";
import { BOOLEAN_MEMBERS, NUMBER_MEMBERS } from "./member-values.ts";

/** What is checked of a member, in lower case. */
const PROBLEMS: ReadonlyMap<string, (value: Json) => string | undefined> = new Map([
  ...NUMBER_MEMBERS.map((name) => [name.toLowerCase(), numberProblem] as const),
  ...BOOLEAN_MEMBERS.map((name) => [name.toLowerCase(), booleanProblem] as const),
]);
const FREE = new Set(FREE_FORM.map((name) => name.toLowerCase()));

/** How the targets of errors begin, by the first part of an operation's name. */
const ROOTS: Readonly<Record<string, string>> = {
  Disks: "disk",
  Snapshots: "snapshot",
  VirtualMachines: "vm",
  VirtualMachineScaleSets: "vmScaleSet",
  VirtualMachineScaleSetVMs: "vm",
};

/**
 * Why the compute provider refuses a write with a number or a truth value that is none, which would else
 * change nothing without a word. The code and the target are recorded of other types in VMs' bodies
 * (jclouds/jclouds-labs#394), the words are those of Newtonsoft.Json, and that disks and snapshots are read
 * alike is inferred. `body` has its members as the client spells them.
 */
export function checkValues(body: Json | undefined, operation: string): ArmFailure | undefined {
  const root = ROOTS[operation.split("_")[0] ?? ""];
  return root === undefined ? undefined : checkPart({ body, root }, body, []);
}

interface Write {
  readonly body: Json | undefined;
  readonly root: string;
}

function checkPart(write: Write, part: Json | undefined, path: BodyPath): ArmFailure | undefined {
  if (Array.isArray(part)) {
    const elements: readonly Json[] = part;
    return first(
      elements.map((element, index) => [index, element] as const),
      ([index, element]) => checkPart(write, element, [...path, index]),
    );
  }
  return isObject(part)
    ? first(Object.entries(part), ([name, value]) => checkMember(write, value, [...path, name]))
    : undefined;
}

function checkMember(write: Write, value: Json | undefined, path: BodyPath): ArmFailure | undefined {
  const name = String(path.at(-1)).toLowerCase();
  if (FREE.has(name) || value === undefined || value === null) return undefined;
  const problem = PROBLEMS.get(name)?.(value);
  if (problem === undefined) return PROBLEMS.has(name) ? undefined : checkPart(write, value, path);
  const position = charactersBefore(write.body, path) + charactersRead(value);
  return armErrors.notConvertible({ root: write.root, problem, path: pathText(path), position });
}

/** The first failure, in the order of the text, in which the provider reads. */
function first<T>(parts: readonly T[], check: (part: T) => ArmFailure | undefined): ArmFailure | undefined {
  for (const part of parts) {
    const failure = check(part);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

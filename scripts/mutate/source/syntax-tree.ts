import { parseSync } from "oxc-parser";

/** A node of a source's syntax tree, in the ESTree form with TypeScript's additions. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A module that a source imports, and whether any of it is loaded when the source runs. */
export interface SourceImport {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

/** A source with its syntax tree and its static imports. Throws if the source does not parse. */
export function parseSource(
  file: string,
  source: string,
): { readonly program: SyntaxNode; readonly imports: readonly SourceImport[] } {
  const { program, module, errors } = parseSync(file, source);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file}: ${error.message}`);
  const imported = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    isTypeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
  const reexported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, isType }) =>
      moduleRequest === null ? [] : [{ specifier: moduleRequest.value, isTypeOnly: isType }],
    ),
  );
  return { program: asNode(program), imports: [...imported, ...reexported] };
}

/** The direct children of a node, in the order of the source. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Object.values(node)
    .flatMap((value): readonly unknown[] => (Array.isArray(value) ? value : [value]))
    .filter((value) => isNode(value));
}

/** The node under a key. Throws if there is none. */
export function childOf(node: SyntaxNode, key: string): SyntaxNode {
  return asNode(node[key]);
}

/** Whether a value is a node, and if types are given, of one of them. */
export function isNode(value: unknown, ...types: readonly string[]): value is SyntaxNode {
  if (typeof value !== "object" || value === null) return false;
  const { type, start } = value as Partial<SyntaxNode>;
  if (typeof type !== "string" || typeof start !== "number") return false;
  return types.length === 0 || types.includes(type);
}

function asNode(value: unknown): SyntaxNode {
  if (!isNode(value)) throw new Error(`no syntax node: ${String(value)}`);
  return value;
}

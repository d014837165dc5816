// Compiles the sources twice: as ES modules and, for `require`, as CommonJS.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
rmSync("dist", { recursive: true, force: true });
for (const project of ["tsconfig.json", "tsconfig.cjs.json"]) {
    execFileSync(process.execPath, [tsc, "-p", project], { stdio: "inherit" });
}
// The package is of type "module"; this file makes dist/cjs an exception.
writeFileSync("dist/cjs/package.json", '{ "type": "commonjs" }\n');

/** `patchbay crds`: the CustomResourceDefinitions of all kinds. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'

export function addCrds(program: Command): void {
  program
    .command('crds')
    .summary('write the CustomResourceDefinitions')
    .description(
      'Writes the CustomResourceDefinitions of all kinds as YAML: to standard output for kubectl apply -f -, or into a directory for kubectl apply -k DIR.',
    )
    .usage('[--out DIR]')
    .option(
      '--out <dir>',
      'a file for each into this directory, and a kustomization of them; default: all to standard output',
    )
    .action(async ({ out }: { out?: string }) => {
      const { crdFiles, crdKustomization } = await import('../api/crd.ts')
      const files = Object.entries(crdFiles())
      if (out === undefined) {
        process.stdout.write(files.map(([, text]) => text).join('---\n'))
        return
      }
      mkdirSync(out, { recursive: true })
      for (const [name, text] of files) writeFileSync(join(out, name), text)
      writeFileSync(join(out, 'kustomization.yaml'), crdKustomization())
    })
}

// client.js upload NAME FILE…    uploads files as one artifact; prints its id
// client.js list                 prints the artifacts of this run, as JSON
// client.js download NAME FOLDER downloads and unpacks one
import { dirname } from 'node:path'
import { DefaultArtifactClient } from '@actions/artifact'

const client = new DefaultArtifactClient()
const [verb, name, ...rest] = process.argv.slice(2)

if (verb === 'upload') {
  const { id } = await client.uploadArtifact(name, rest, dirname(rest[0]))
  console.log(`id=${id}`)
} else if (verb === 'list') {
  const { artifacts } = await client.listArtifacts()
  console.log(`artifacts=${JSON.stringify(artifacts)}`)
} else if (verb === 'download') {
  const { artifact } = await client.getArtifact(name)
  const { digestMismatch } = await client.downloadArtifact(artifact.id, { path: rest[0], expectedHash: artifact.digest })
  console.log(`mismatch=${digestMismatch ?? false}`)
}

"""A page keeps the GPU process busy for minutes: the browser is replaced, and the jobs of others succeed.

No process has ended and none is stopped, and the browser process answers: only a test render shows it.
"""

import asyncio
from typing import Any, Final

from fleet.errors import ErrorType
from fleet.jobs.job import Job, State
from tests.kit.stages.stage import Stage
from tests.site.server import Site

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

SHADER_MS: Final = 6000
# One pixel takes a loop of a thousand million steps, in software, on one core.
SHADER: Final = """<!doctype html><title>shader</title><canvas width=1 height=1></canvas><script>
const gl = document.querySelector("canvas").getContext("webgl");
const program = gl.createProgram();
for (const [kind, source] of [
  [gl.VERTEX_SHADER, "attribute vec2 p; void main() { gl_Position = vec4(p, 0, 1); }"],
  [gl.FRAGMENT_SHADER, `precision highp float; void main() { float x = gl_FragCoord.x;
    for (int i = 0; i < 30000; i++) for (int j = 0; j < 30000; j++) x = fract(sin(x) * 43758.5 + float(j));
    gl_FragColor = vec4(x, 0, 0, 1); }`]]) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, source); gl.compileShader(shader); gl.attachShader(program, shader);
}
gl.linkProgram(program); gl.useProgram(program);
gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
gl.enableVertexAttribArray(0); gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
gl.drawArrays(gl.TRIANGLES, 0, 3); gl.flush();
</script>"""


async def test_a_shader_without_end_costs_others_seconds_and_its_own_job_fails(
    stage: Stage, site: Site
) -> None:
    async with stage.worker() as worker:
        assert (await stage.ended(await stage.enqueue(url=site.url("/tiny")))).state is State.SUCCEEDED
        shader = asyncio.create_task(ended(stage, html=SHADER, timeout_ms=SHADER_MS))
        while not shader.done():
            witness = await ended(stage, url=site.url("/slow?ms=300"))
            assert witness.state is State.SUCCEEDED, witness.error_detail
        job = await shader
        reasons = [line["reason"] for line in worker.lines() if line["event"] == "the browser ended"]
    # The second time it has a browser of its own, where only the page itself can be at fault.
    assert (job.state, job.error_type) == (State.FAILED, ErrorType.RENDER_TIMEOUT)
    assert f"longer than timeout_ms = {SHADER_MS}, while the page was " in (job.error_detail or "")
    assert job.browser_generation == 0
    assert set(reasons) == {"canary"}


async def ended(stage: Stage, **options: Any) -> Job:
    """A job to its end, which comes long before the shader's."""
    return await stage.ended(await stage.enqueue(**options))

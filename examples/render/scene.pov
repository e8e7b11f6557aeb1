// SPDX-License-Identifier: Apache-2.0
// A busbar hall at dusk: three copper bars on porcelain insulators, fed by the pylons behind.
// Nothing here is random from run to run and nothing looks beyond its own pixel (no radiosity, no photons, no
// jitter), so a band of rows comes out with the same pixels whether it is rendered alone or with the others.
#version 3.7;

global_settings {
	assumed_gamma 1.0
	max_trace_level 8
}

camera {
	location <-7.3, 2.95, -5.5>
	look_at <-1.3, 1.66, 0.0>
	right x * 4 / 3
	angle 53
}

light_source {
	<-34, 17, -20>
	rgb <1.00, 0.84, 0.64> * 1.35
}
light_source {
	<16, 12, -14>
	rgb <0.35, 0.45, 0.78> * 0.5
	shadowless
}

fog {
	fog_type 2
	distance 170
	fog_offset 0
	fog_alt 2
	rgb <0.95, 0.50, 0.25>
}

sky_sphere {
	pigment {
		gradient y
		color_map {
			[0.00 rgb <1.00, 0.55, 0.22>]
			[0.10 rgb <0.93, 0.42, 0.30>]
			[0.25 rgb <0.45, 0.28, 0.45>]
			[0.60 rgb <0.07, 0.10, 0.26>]
			[1.00 rgb <0.02, 0.04, 0.12>]
		}
	}
	pigment {
		bozo
		turbulence 0.7
		octaves 4
		scale <0.55, 0.09, 0.55>
		color_map {
			[0.45 rgbt <1.0, 0.75, 0.55, 1.0>]
			[0.85 rgbt <1.0, 0.70, 0.50, 0.45>]
		}
	}
}

// ---------------------------------------------------------------- materials

#declare Copper = texture {
	pigment { rgb <0.80, 0.34, 0.17> }
	finish {
		ambient 0.03
		diffuse 0.48
		specular 0.9
		roughness 0.012
		metallic
		reflection { 0.10, 0.65 metallic }
	}
}

#declare Porcelain = texture {
	pigment { rgb <0.40, 0.13, 0.07> }
	finish {
		ambient 0.05
		diffuse 0.6
		specular 0.9
		roughness 0.004
		reflection { 0.03, 0.35 fresnel on }
		conserve_energy
	}
}

#declare Steel = texture {
	pigment { rgb <0.56, 0.58, 0.62> }
	finish { ambient 0.04 diffuse 0.45 specular 0.6 roughness 0.03 metallic reflection 0.22 }
}

#declare Glass = material {
	texture {
		pigment { rgbf <0.93, 0.98, 0.97, 0.95> }
		finish {
			ambient 0
			diffuse 0.03
			specular 1.0
			roughness 0.001
			reflection { 0.02, 0.9 fresnel on }
			conserve_energy
		}
	}
	interior { ior 1.5 fade_distance 3 fade_power 1001 fade_color <0.25, 0.75, 0.68> }
}

#declare Lamp = texture {
	pigment { rgb <1.0, 0.78, 0.35> }
	finish { ambient 0 diffuse 0.2 emission 1.1 }
}

// ---------------------------------------------------------------- floor

plane {
	y, 0
	texture {
		pigment {
			checker
			pigment { granite scale 0.7 color_map { [0 rgb 0.05] [1 rgb <0.10, 0.11, 0.14>] } }
			pigment { granite scale 0.9 color_map { [0 rgb 0.62] [1 rgb <0.86, 0.82, 0.76>] } }
			scale 1.1
			rotate y * 28
		}
		finish { ambient 0.05 diffuse 0.6 specular 0.25 roughness 0.02 reflection { 0.05, 0.38 fresnel on } }
	}
	interior { ior 1.6 }
}

// ---------------------------------------------------------------- one insulator: a stem with six sheds

#declare Shed = union {
	cone { <0, -0.03, 0>, 0.385, <0, 0.10, 0>, 0.13 }
	torus { 0.370, 0.032 translate y * -0.03 }
}

#declare Insulator = union {
	cylinder { <0, 0, 0>, <0, 1.75, 0>, 0.15 texture { Porcelain } }
	#for (Step, 0, 5)
		#local Width = 1 - 0.035 * Step;
		object {
			Shed
			scale <Width, 1, Width>
			translate y * (0.32 + 0.235 * Step)
			texture { Porcelain }
		}
	#end
	cylinder { <0, 0, 0>, <0, 0.14, 0>, 0.34 texture { Steel } }
	torus { 0.34, 0.035 translate y * 0.105 texture { Steel } }
	cylinder { <0, 1.68, 0>, <0, 1.84, 0>, 0.23 texture { Steel } }
	#for (Bolt, 0, 5)
		cylinder {
			<0.27, 0.13, 0>, <0.27, 0.19, 0>, 0.032
			rotate y * 60 * Bolt
			texture { Steel }
		}
	#end
}

// ---------------------------------------------------------------- three phases

#declare Edge = 0.025;
#declare Rail = union {
	box { <-4.4, -0.17, -0.07 + Edge>, <16, 0.17, 0.07 - Edge> }
	box { <-4.4, -0.17 + Edge, -0.07>, <16, 0.17 - Edge, 0.07> }
	#for (Side, -1, 1, 2)
		cylinder { <-4.4, 0.17 - Edge, Side * (0.07 - Edge)>, <16, 0.17 - Edge, Side * (0.07 - Edge)>, Edge }
		cylinder { <-4.4, Edge - 0.17, Side * (0.07 - Edge)>, <16, Edge - 0.17, Side * (0.07 - Edge)>, Edge }
	#end
	texture { Copper }
}

#declare Bar = union {
	object { Rail translate <0, 2.02, -0.13> }
	object { Rail translate <0, 2.02, 0.13> }
}

#declare Clamp = union {
	box { <-0.14, 1.83, -0.27>, <0.14, 1.88, 0.27> }
	box { <-0.10, 2.18, -0.27>, <0.10, 2.23, 0.27> }
	cylinder { <0, 1.84, -0.25>, <0, 2.30, -0.25>, 0.03 }
	cylinder { <0, 1.84, 0.25>, <0, 2.30, 0.25>, 0.03 }
	sphere { <0, 2.30, -0.25>, 0.045 }
	sphere { <0, 2.30, 0.25>, 0.045 }
	texture { Steel }
}

#for (Phase, 0, 2)
	union {
		object { Bar }
		#for (Post, -1, 5)
			object { Insulator translate x * (2.7 * Post) }
			object { Clamp translate x * (2.7 * Post) }
		#end
		translate <0.45 * Phase, 0, 1.75 * Phase>
	}
#end

// ---------------------------------------------------------------- glass on the floor, each with its small light

#declare Bulb = union {
	sphere { 0, 0.62 material { Glass } }
	sphere { 0, 0.13 texture { Lamp } }
	torus { 0.24, 0.018 rotate x * 68 texture { Copper } }
	torus { 0.24, 0.018 rotate <68, 0, 60> texture { Copper } }
	torus { 0.24, 0.018 rotate <68, 0, -60> texture { Copper } }
}

object { Bulb rotate y * 20 translate <-3.35, 0.62, -1.6> }
object { Bulb scale 0.62 rotate y * 75 translate <-0.85, 0.385, -2.1> }
object { Bulb scale 0.42 rotate y * 130 translate <-2.05, 0.26, -2.5> }

// ---------------------------------------------------------------- pylons and their lines, far away

#declare Ink = texture { pigment { rgb <0.10, 0.07, 0.10> } finish { ambient 0.1 diffuse 0.3 } }

#macro Strut(From, To)
	cylinder { From, To, 0.09 }
#end

#declare Pylon = union {
	#for (Level, 0, 6)
		#local Low = 1.9 - 0.24 * Level;
		#local High = 1.9 - 0.24 * (Level + 1);
		#for (Side, 0, 3)
			#local Left = vrotate(<-1, 0, 1>, y * 90 * Side);
			#local Right = vrotate(<1, 0, 1>, y * 90 * Side);
			Strut(Left * Low + y * 2 * Level, Left * High + y * 2 * (Level + 1))
			Strut(Left * Low + y * 2 * Level, Right * High + y * 2 * (Level + 1))
			Strut(Right * Low + y * 2 * Level, Left * High + y * 2 * (Level + 1))
		#end
	#end
	#for (Arm, 0, 2)
		#local Reach = 5.0 - 0.9 * Arm;
		#local Height = 9.2 + 2.2 * Arm;
		Strut(<-Reach, Height, 0>, <Reach, Height, 0>)
		Strut(<-Reach, Height, 0>, <0, Height + 1.3, 0>)
		Strut(<Reach, Height, 0>, <0, Height + 1.3, 0>)
	#end
	texture { Ink }
}

#macro Line(From, To, Sag)
	#local Last = From;
	#for (Knot, 1, 12)
		#local Along = Knot / 12;
		#local Next = From + (To - From) * Along - y * Sag * 4 * Along * (1 - Along);
		cylinder { Last, Next, 0.06 }
		#local Last = Next;
	#end
#end

#macro Span(From, To)
	union {
		#for (Arm, 0, 2)
			#for (Side, -1, 1, 2)
				#local Hook = vrotate(<Side * (5.0 - 0.9 * Arm), 9.2 + 2.2 * Arm, 0>, y * Bearing);
				Line(From + Hook, To + Hook, 2.2)
			#end
		#end
		texture { Ink }
	}
#end

#declare Bearing = 80;
#declare Way = array[4] { <46, 0, -8>, <41, 0, 24>, <34, 0, 58>, <22, 0, 120> }
#for (Tower, 0, 3)
	object { Pylon rotate y * Bearing translate Way[Tower] }
#end
#for (Tower, 1, 3)
	Span(Way[Tower - 1], Way[Tower])
#end

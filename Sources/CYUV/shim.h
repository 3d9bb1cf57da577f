#pragma once

#include <libyuv/convert.h>
#include <libyuv/planar_functions.h>
